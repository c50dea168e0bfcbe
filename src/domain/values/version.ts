// The version of this program, as it is shown outside; a test compares it with package.json.
export const version = "0.1.0";
