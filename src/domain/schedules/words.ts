// The words of the machine of schedules, for those who keep them.
export type { CatchUp, Overlap, SkipReason, WaitingTime } from "#machines/schedule";
