import { type Field, isCompanion, type Model, type ObjectType, typeOf } from "@/api/schema";

const long = new Set(["long_text", "rich_text", "json", "file", "image", "address", "geo", "person_name"]);
const never = new Set(["id", "version"]);

/** The fields that tell most about a record in little room: those of its pipeline, then as the schema has them. */
export function factsOf(model: Model, object: ObjectType): Field[] {
  const stage = model.pipeline(object.name)?.field;
  const facts = object.fields.filter(
    (f) => f.name !== object.title && !f.system && !long.has(typeOf(f)) && !isCompanion(object, f),
  );
  const owner = object.fields.find((f) => f.name === "owner");
  facts.sort((a, b) => Number(b.name === stage) - Number(a.name === stage));
  return owner ? [...facts.slice(0, 5), owner, ...facts.slice(5)] : facts;
}

const shownAtFirst = 9;

/** The columns that a list begins with. */
export function firstColumns(model: Model, object: ObjectType): string[] {
  const facts = factsOf(model, object).filter((f) => !f.readOnly || f.type === "formula");
  const owner = facts.find((f) => f.name === "owner");
  const rest = facts.filter((f) => f !== owner).slice(0, shownAtFirst - 2);
  return [object.title, ...rest.map((f) => f.name), ...(owner ? ["owner"] : [])];
}

/** The fields that can be a column, those of the system last. */
export const columnsOf = (object: ObjectType): Field[] =>
  object.fields
    .filter((f) => !never.has(f.name))
    .sort((a, b) => Number(a.system && a.name !== "owner") - Number(b.system && b.name !== "owner"));
