import { QueryClient } from "@tanstack/react-query";
import { Unreachable } from "./problem";

/** What the page has read of the API, and when it reads it again. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // The page tells by itself whether the server is there: see state/connection.
      networkMode: "always",
      retry: (failures, error) => error instanceof Unreachable && failures < 1,
      retryDelay: 500,
      staleTime: 10_000,
      refetchOnWindowFocus: true,
    },
    mutations: { networkMode: "always", retry: false },
  },
});
