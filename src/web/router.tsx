// Every address of the console and the screen behind it. A view's whole state is in its address: what may stand there is said
// here. Screens are loaded when they are first shown.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { parseSearch, stringifySearch, texts } from "./data/search.ts";
import { basePath } from "./data/session.ts";
import { Empty, Failed } from "./parts/panel.tsx";
import { Overview } from "./screens/overview/overview.tsx";
import { Shell } from "./shell/shell.tsx";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const under = { getParentRoute: () => root } as const;

const routes = [
  createRoute({ ...under, path: "/", component: Overview, validateSearch: texts("window") }),
  createRoute({
    ...{ ...under, path: "/batches" },
    validateSearch: texts("status", "kind", "name", "scope", "metadata", "created_after", "created_before", "sel"),
    component: lazyRouteComponent(() => import("./screens/batches/batches.tsx"), "Batches"),
  }),
  createRoute({
    ...{ ...under, path: "/batches/$id/{-$tab}" },
    validateSearch: texts("task", "hide", "q", "status", "sort", "rules", "path", "group", "zoom"),
    component: lazyRouteComponent(() => import("./screens/batch/batch.tsx"), "BatchScreen"),
  }),
  createRoute({
    ...{ ...under, path: "/tasks" },
    validateSearch: texts("status", "kind", "name", "batch_id", "metadata", "start_kind", "timeout", "sel"),
    component: lazyRouteComponent(() => import("./screens/tasks/tasks.tsx"), "Tasks"),
  }),
  createRoute({
    ...{ ...under, path: "/tasks/$id/{-$tab}" },
    validateSearch: texts("attempt"),
    component: lazyRouteComponent(() => import("./screens/task/task.tsx"), "TaskScreen"),
  }),
  createRoute({
    ...{ ...under, path: "/limits" },
    component: lazyRouteComponent(() => import("./screens/control/limits.tsx"), "Limits"),
  }),
  createRoute({
    ...{ ...under, path: "/receivers" },
    component: lazyRouteComponent(() => import("./screens/control/receivers.tsx"), "Receivers"),
  }),
  createRoute({
    ...{ ...under, path: "/deliveries" },
    validateSearch: texts("status", "receiver", "batch_id", "task_id", "sel"),
    component: lazyRouteComponent(() => import("./screens/control/deliveries.tsx"), "Deliveries"),
  }),
  createRoute({
    ...{ ...under, path: "/schedules" },
    component: lazyRouteComponent(() => import("./screens/schedules/schedules.tsx"), "Schedules"),
  }),
  createRoute({
    ...{ ...under, path: "/schedules/$name" },
    component: lazyRouteComponent(() => import("./screens/schedules/schedule.tsx"), "ScheduleScreen"),
  }),
  createRoute({
    ...{ ...under, path: "/bulk" },
    component: lazyRouteComponent(() => import("./screens/bulk/bulks.tsx"), "Bulks"),
  }),
  createRoute({
    ...{ ...under, path: "/bulk/$id" },
    component: lazyRouteComponent(() => import("./screens/bulk/bulk.tsx"), "BulkScreen"),
  }),
  createRoute({
    ...{ ...under, path: "/workers" },
    component: lazyRouteComponent(() => import("./screens/control/workers.tsx"), "Workers"),
  }),
  createRoute({
    ...{ ...under, path: "/dead-letters" },
    component: lazyRouteComponent(() => import("./screens/control/dead-letters.tsx"), "DeadLetters"),
  }),
  createRoute({
    ...{ ...under, path: "/playground" },
    validateSearch: texts("example", "batch", "format"),
    component: lazyRouteComponent(() => import("./screens/playground/playground.tsx"), "Playground"),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  basepath: basePath,
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPendingMs: 400,
  scrollRestoration: true,
  defaultErrorComponent: ({ error }) => <Failed error={error} again={() => location.reload()} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function NotFound() {
  return (
    <Empty title="There is no such page">
      <p>The address leads nowhere. The navigation and Ctrl K lead everywhere.</p>
    </Empty>
  );
}
