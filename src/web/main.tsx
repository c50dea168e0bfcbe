// The first script of the console: style, theme, router, and the questions that screens share.
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/forms.css";
import "./styles/screens.css";
import "./styles/graph.css";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import { applyTheme } from "./data/prefs.ts";
import { queries } from "./data/queries.ts";
import { router } from "./router.tsx";

applyTheme();
createRoot(document.getElementById("app") as HTMLElement).render(
  <CSPProvider disableStyleElements>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </CSPProvider>,
);
