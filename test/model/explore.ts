// Runs the model: one random run from a seed, or every interleaving of a small case.
import { createHash } from "node:crypto";
import { check, checkQuiet } from "./oracle.ts";
import { random, type Scenario, scenarioOf } from "./scenarios.ts";
import { copy, newState, type State } from "./state.ts";
import { apply, type Move, movesOf } from "./system.ts";
import { isClean } from "./taint.ts";
import { Blocked } from "./transaction.ts";

/** False: a lock is in the way. */
function attempt(state: State, move: Move): boolean {
  try {
    apply(state, move);
    return true;
  } catch (error) {
    if (!(error instanceof Blocked)) throw error;
    return false;
  }
}

export interface Run {
  readonly errors: readonly string[];
  readonly steps: number;
  /** It was compared with the reference task for task. */
  readonly isClean: boolean;
  /** Commands came while a propagation was outstanding. */
  readonly overlaps: number;
}

const stepsMax = 5_000;

export function run(
  seed: number,
  bug: string | null = null,
  trace: (move: Move, state: State) => void = () => {},
): Run {
  const state = newState(scenarioOf(seed), bug);
  const next = random(seed ^ 0x5bd1e995);
  let steps = 0;
  const choose = (moves: Move[]): Move | null => {
    while (moves.length > 0) {
      const [one] = moves.splice(Math.floor(next() * moves.length), 1) as [Move];
      // What is set aside stays so for a while.
      if (one[0] === "takeUp" && moves.length > 0 && next() < 0.9) moves.push(one);
      else if ((one[0] !== "kill" || next() > 0.7) && attempt(state, one)) return one;
    }
    return null;
  };
  const go = (isCalm: boolean) => {
    for (; steps < stepsMax && state.errors.length === 0; steps++) {
      const before = state.db.tasks.map(({ status }) => ({ status }));
      const move = choose(movesOf(state, isCalm));
      if (move === null) break;
      trace(move, state);
      check(before, state);
    }
    checkQuiet(state);
  };
  go(false);
  // What was paused or left open goes on, so that every batch comes to its end.
  for (let i = 0; i < 8 && state.errors.length === 0 && state.db.completions === 0; i++) {
    const held = state.db.tasks.filter(({ status }) => status === "Paused");
    const resumes = held.map(({ rank }) => ({ verb: "resumeTask", task: rank }));
    state.clients.push({ todo: [{ verb: "resume" }, ...resumes, { verb: "close" }], waits: null });
    go(true);
  }
  if (state.db.completions !== 1) state.errors.push(steps < stepsMax ? "the batch is not complete" : "no end");
  return { errors: state.errors, steps, isClean: isClean(state), overlaps: state.overlaps };
}

export interface Explored {
  readonly states: number;
  readonly ends: number;
  readonly errors: readonly string[];
}

/** Every interleaving. */
export function explore(scenario: Scenario, bug: string | null = null): Explored {
  const hash = (text: string) => createHash("sha1").update(text).digest("base64");
  const seen = new Set<string>();
  const todo = [JSON.stringify(newState(copy(scenario), bug))];
  let ends = 0;
  for (let text = todo.pop(); text !== undefined; text = todo.pop()) {
    const state = JSON.parse(text) as State;
    const nexts: State[] = [];
    for (const move of movesOf(state)) {
      const next = JSON.parse(text) as State;
      if (attempt(next, move)) nexts.push(next);
    }
    if (nexts.length === 0) {
      ends++;
      checkQuiet(state);
    }
    for (const next of nexts) check(state.db.tasks, next);
    const wrong = [state, ...nexts].find(({ errors }) => errors.length > 0);
    if (wrong !== undefined) return { states: seen.size, ends, errors: wrong.errors };
    for (const next of nexts) {
      const found = JSON.stringify(next);
      const key = hash(found);
      if (seen.has(key)) continue;
      seen.add(key);
      todo.push(found);
    }
  }
  return { states: seen.size, ends, errors: [] };
}
