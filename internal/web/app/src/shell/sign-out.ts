import { queries } from "@/api/queries";
import { logout } from "@/api/session";
import { notify } from "@/components/ui/toast";
import { explain } from "@/i18n/explain";
import { signedIn } from "@/state/connection";
import { prefer } from "@/state/preferences";

/** Ends the session and forgets what was read in it. */
export async function signOut(): Promise<void> {
  try {
    await logout();
  } catch (error) {
    notify({ title: explain(error), failed: true });
    return;
  }
  prefer("recent", undefined);
  signedIn.set(false);
  queries.clear();
}
