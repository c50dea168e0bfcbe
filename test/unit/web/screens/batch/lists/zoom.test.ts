// The part of the time that a timeline shows.
import { expect, it } from "vitest";
import { pannedBy, wholeZoom, zoomedBy, zoomOf, zoomText } from "#web/screens/batch/lists/zoom";

it("goes both ways through the address, and says nothing where all is shown", () => {
  expect(zoomText(wholeZoom)).toBeUndefined();
  expect(zoomOf(zoomText({ from: 0.25, to: 0.5 }))).toEqual({ from: 0.25, to: 0.5 });
});

it.each(["", "x", "0.5", "0.9-0.1", "-1-1", "0-2", "0.5-0.5"])("takes %j for all", (text) => {
  expect(zoomOf(text)).toEqual(wholeZoom);
});

it("keeps what one points at in its place, and stays within the batch", () => {
  const near = zoomedBy(wholeZoom, 4, 0.2);
  expect(near).toEqual({ from: 0.2 - 0.05, to: 0.2 - 0.05 + 0.25 });
  expect((0.2 - near.from) / (near.to - near.from)).toBeCloseTo(0.2);
  expect(zoomedBy(near, 1 / 100)).toEqual(wholeZoom);
  expect(zoomedBy(wholeZoom, 1e9).to - zoomedBy(wholeZoom, 1e9).from).toBeCloseTo(0.0005);
  expect(pannedBy({ from: 0, to: 0.5 }, -1)).toEqual({ from: 0, to: 0.5 });
  expect(pannedBy({ from: 0, to: 0.5 }, 0.5)).toEqual({ from: 0.25, to: 0.75 });
  expect(pannedBy({ from: 0.4, to: 0.9 }, 1)).toEqual({ from: 0.5, to: 1 });
});
