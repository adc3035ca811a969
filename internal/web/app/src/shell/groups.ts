import type { Model, ObjectType } from "@/api/schema";

/**
 * The standard objects that people come for, by what they do with them. The
 * others, which mostly hang on one of these, are found under "all objects";
 * custom objects have a group of their own.
 */
const groups = {
  sales: ["lead", "opportunity", "quote", "sales_record", "sales_target"],
  customers: ["customer", "contact", "competitor"],
  orders: ["sales_order", "contract", "invoice", "payment", "delivery"],
  products: ["product", "price_book"],
  marketing: ["campaign", "segment", "survey"],
  service: ["case", "repair_order", "return_order", "feedback", "knowledge_article", "asset"],
  work: ["activity", "call", "document", "user"],
} as const;

export type GroupName = keyof typeof groups | "custom";

export interface Group {
  name: GroupName;
  objects: ObjectType[];
}

/** The objects of a tenant in groups: those that it has, and that the asker may see. */
export function groupsOf(model: Model): Group[] {
  const found: Group[] = Object.entries(groups).map(([name, objects]) => ({
    name: name as GroupName,
    objects: objects.map((one) => model.object(one)).filter((one) => one !== undefined),
  }));
  found.splice(2, 0, { name: "custom", objects: model.schema.objects.filter((one) => one.custom) });
  return found.filter((group) => group.objects.length > 0);
}

/** The objects that are in none of the groups. */
export function otherObjects(model: Model): ObjectType[] {
  const grouped = new Set(groupsOf(model).flatMap((group) => group.objects.map((one) => one.name)));
  return model.schema.objects.filter((one) => !grouped.has(one.name));
}
