import { z } from "zod";
import { send } from "./client";

const option = z.object({
  key: z.string(),
  label: z.string(),
  when: z.array(z.string()).optional(),
  retired: z.boolean().optional(),
});

const plainField = z.object({
  name: z.string(),
  type: z.string(),
  returns: z.string().optional(),
  label: z.string(),
  description: z.string().optional(),
  custom: z.boolean(),
  system: z.boolean(),
  readOnly: z.boolean(),
  required: z.boolean(),
  unique: z.boolean(),
  searchable: z.boolean(),
  default: z.string().optional(),
  length: z.number().optional(),
  precision: z.number().optional(),
  scale: z.number().optional(),
  min: z.string().optional(),
  max: z.string().optional(),
  pattern: z.string().optional(),
  options: z.array(option).optional(),
  target: z.string().optional(),
  targets: z.array(z.string()).nullish(),
  defaultExpression: z.string().optional(),
  requiredWhen: z.string().optional(),
  readOnlyWhen: z.string().optional(),
  visibleWhen: z.string().optional(),
  dependsOn: z.string().optional(),
  sensitivity: z.string().optional(),
});

const field = plainField.extend({ parts: z.array(plainField).optional() });

const rule = z.object({ expression: z.string(), field: z.string().optional(), message: z.string() });

const object = z.object({
  name: z.string(),
  label: z.string(),
  pluralLabel: z.string().optional(),
  description: z.string().optional(),
  custom: z.boolean(),
  title: z.string(),
  fields: z.array(field),
  rules: z.array(rule).optional(),
});

const stage = z.object({
  key: z.string(),
  label: z.string(),
  kind: z.enum(["open", "won", "lost"]),
  probability: z.number(),
  required: z.array(z.string()).optional(),
  gate: z.string().optional(),
  gateMessage: z.string().optional(),
  allowedMoves: z.array(z.string()).nullable(),
  rottingDays: z.number().optional(),
  retired: z.boolean().optional(),
});

const pipeline = z.object({
  name: z.string(),
  object: z.string(),
  field: z.string(),
  label: z.string(),
  stages: z.array(stage),
});

export const user = z.object({ id: z.string(), name: z.string(), email: z.string(), administrator: z.boolean() });

export const organisation = z.object({
  name: z.string(),
  displayName: z.string(),
  language: z.string(),
  timeZone: z.string(),
  currency: z.string(),
  country: z.string().optional(),
});

const schema = z.object({
  revision: z.number(),
  organisation,
  user,
  objects: z.array(object),
  pipelines: z.array(pipeline),
});

export type Option = z.infer<typeof option>;
export type Part = z.infer<typeof plainField>;
export type Field = z.infer<typeof field>;
export type ObjectType = z.infer<typeof object>;
export type Stage = z.infer<typeof stage>;
export type Pipeline = z.infer<typeof pipeline>;
export type User = z.infer<typeof user>;
export type Organisation = z.infer<typeof organisation>;
export type Schema = z.infer<typeof schema>;

let last: { tag: string; schema: Schema } | undefined;

/** Reads the schema. While it is the one that was read last, nothing is read through again. */
export async function readSchema(signal?: AbortSignal): Promise<Schema> {
  const response = await send("/schema", { signal });
  const tag = response.headers.get("ETag") ?? "";
  if (last && tag !== "" && tag === last.tag) return last.schema;
  last = { tag, schema: schema.parse(await response.json()) };
  return last.schema;
}

/** Where an object is pointed to from: the field of another object. */
export interface Inverse {
  object: ObjectType;
  field: Field;
}

/** The tenant's schema, with the ways through it. */
export class Model {
  private readonly byName: Map<string, ObjectType>;
  private readonly fieldsOf = new Map<string, Map<string, Field>>();

  constructor(readonly schema: Schema) {
    this.byName = new Map(schema.objects.map((one) => [one.name, one]));
    for (const one of schema.objects) this.fieldsOf.set(one.name, new Map(one.fields.map((f) => [f.name, f])));
  }

  object(name: string): ObjectType | undefined {
    return this.byName.get(name);
  }

  field(object: string, name: string): Field | undefined {
    return this.fieldsOf.get(object)?.get(name);
  }

  /** The pipeline of an object, if it has one. */
  pipeline(object: string): Pipeline | undefined {
    return this.schema.pipelines.find((one) => one.object === object);
  }

  /** The field that names the records of an object. */
  title(object: ObjectType): Field {
    return this.field(object.name, object.title) ?? (object.fields[0] as Field);
  }

  /** The relations of other objects that point to this one. */
  inverses(object: ObjectType): Inverse[] {
    const found: Inverse[] = [];
    for (const other of this.schema.objects) {
      for (const f of other.fields) {
        if (f.type === "relation" && f.target === object.name && !f.system) found.push({ object: other, field: f });
      }
    }
    return found;
  }

  /** The field that leads from one object to another: a relation, else one that may point to several. */
  link(from: string, to: string): Field | undefined {
    const fields = this.object(from)?.fields ?? [];
    return (
      fields.find((f) => f.type === "relation" && f.target === to && !f.system) ??
      fields.find((f) => f.type === "relation" && (f.targets ?? []).includes(to))
    );
  }
}

export const plural = (object: ObjectType): string => object.pluralLabel || object.label;

/** Fields that follow from another one: its number in E.164, its amount in the base currency. People look at the other. */
export const isCompanion = (object: ObjectType, f: Part): boolean => {
  const of = /^(.+)_(?:e164|base)$/.exec(f.name)?.[1];
  return f.readOnly && of !== undefined && object.fields.some((other) => other.name === of);
};

/** What the values of a field look like: its type, or that of what it computes. */
export const typeOf = (f: Part): string => f.returns ?? f.type;
