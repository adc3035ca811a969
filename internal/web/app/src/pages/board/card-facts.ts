import type { Field, Model, ObjectType, Pipeline } from "@/api/schema";
import { typeOf } from "@/api/schema";
import { factsOf } from "@/format/facts";
import { moneyFields } from "@/format/money";

/** What a card says about its record. */
export interface CardFacts {
  title: Field;
  about?: Field | undefined;
  amount?: Field | undefined;
  date?: Field | undefined;
  owner?: Field | undefined;
  /** The fields to ask for: those that are shown, and those that a gate may ask about. */
  names: string[];
}

export function cardFacts(model: Model, object: ObjectType, pipeline: Pipeline): CardFacts {
  const field = (name: string | undefined) => (name ? model.field(object.name, name) : undefined);
  const facts = factsOf(model, object);
  const title = model.title(object);
  const about = facts.find((f) => f.type === "relation" && f.target && f.target !== "user" && f.target !== object.name);
  const amount = field(moneyFields(object)?.amount);
  const date = facts.find((f) => typeOf(f) === "date" && !f.readOnly);
  const owner = field("owner");
  const shown = [title, about, amount, date, owner].map((f) => f?.name);
  const needed = pipeline.stages.flatMap((stage) => stage.required ?? []);
  const names = ["id", "version", pipeline.field, "currency", "is_rotting", ...shown, ...needed];
  return { title, about, amount, date, owner, names: [...new Set(names)].filter((name) => field(name)) as string[] };
}
