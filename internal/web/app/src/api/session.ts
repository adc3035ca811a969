import { z } from "zod";
import { ask, send } from "./client";
import { user } from "./schema";

export const login = (email: string, password: string) =>
  ask(z.object({ user }), "/login", { method: "POST", body: { email, password } });

export async function logout(): Promise<void> {
  await send("/logout", { method: "POST" });
}
