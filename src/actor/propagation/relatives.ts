// How propagation reads relatives from Postgres.
import type { Relatives } from "#actor/propagation/propagate";
import type { Sql } from "#store/pg/pool";
import { unfinishedRows } from "#store/turn/load";
import { childLinks, closure, parentLinks, unfinishedChildren, unfinishedParents } from "#store/turn/relatives";

export const relativesOf = (sql: Sql): Relatives => ({
  childLinks: (asked) => childLinks(sql, asked),
  parentLinks: (children) => parentLinks(sql, children),
  unfinishedParents: (children) => unfinishedParents(sql, children),
  unfinishedRows: (ids) => unfinishedRows(sql, ids),
  unfinishedChildren: (parents) => unfinishedChildren(sql, parents),
  closure: (ids, way, max) => closure(sql, ids, way, max),
});
