// What an API is given where a test has no actor and no NATS.
const unused = () => Promise.reject(new Error("no actor in this test"));

export const noActor = {
  ...{ up: true, notifyClaims: () => {}, notifyBulk: () => {}, notifySchedule: () => {} },
  ...{ ask: unused, progress: unused, counted: unused, resend: unused },
};
export const noNextEvent = async () => null;
