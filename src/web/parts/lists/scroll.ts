// What scrolls sideways must be reachable by keys: put on the element round a wide table.

export const scrolls = {
  className: "scroll",
  tabIndex: 0,
  role: "group",
  "aria-label": "A table that may scroll sideways",
} as const;
