import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { isNotFound, Problem } from "@/api/problem";
import { Model, readSchema } from "@/api/schema";
import { wordsOf } from "@/format/text";
import { Login } from "@/pages/login";
import { NoTenant } from "@/pages/no-tenant";
import { Starting } from "@/shell/starting";
import { reachable, served, signedIn } from "./connection";
import { useStore } from "./store";
import { WordsContext } from "./words";

const ModelContext = createContext<Model | null>(null);

/** How often the page looks whether the schema has moved. */
const lookEvery = 5_000;

/** The tenant's schema, for all that is shown inside. Whoever has not signed in is asked to. */
export function ModelProvider({ children }: { children: ReactNode }) {
  const { t, i18n } = useTranslation();
  const there = useStore(reachable);
  const inside = useStore(signedIn);
  const revision = useStore(served);
  const schema = useQuery({
    queryKey: ["schema", i18n.language],
    queryFn: async ({ signal }) => {
      const read = await readSchema(signal);
      signedIn.set(true);
      return read;
    },
    refetchInterval: lookEvery,
    enabled: inside !== false,
    placeholderData: (previous) => previous,
  });
  const { refetch, data } = schema;
  useEffect(() => {
    if (data && revision > 0 && revision !== data.revision) void refetch();
  }, [revision, data, refetch]);
  const model = useMemo(() => (data ? new Model(data) : null), [data]);
  const words = useMemo(() => model && wordsOf(model, t, i18n.language), [model, t, i18n.language]);

  if (model) {
    return (
      <ModelContext value={model}>
        <WordsContext value={words}>{children}</WordsContext>
        {inside === false && <Login over />}
      </ModelContext>
    );
  }
  if (inside === false) return <Login />;
  if (isNotFound(schema.error)) return <NoTenant />;
  const refused = schema.error instanceof Problem && schema.error.status !== 401 ? schema.error : null;
  return <Starting waiting={!there} error={refused} onRetry={() => void refetch()} />;
}

export function useModel(): Model {
  const model = useContext(ModelContext);
  if (!model) throw new Error("there is no schema here");
  return model;
}
