import { useQueryClient } from "@tanstack/react-query";
import { Eye, EyeOff } from "lucide-react";
import { useEffect, useId, useState } from "react";
import { useForm } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { login } from "@/api/session";
import { Button, IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { chooseLanguage, type Language, languages } from "@/i18n";
import { explain } from "@/i18n/explain";
import { Mark } from "@/shell/mark";
import { signedIn } from "@/state/connection";

interface Credentials {
  email: string;
  password: string;
}

/** Asks who is there. Over a page whose session has ended it covers what is open and loses none of it. */
export function Login({ over = false }: { over?: boolean }) {
  const { t, i18n } = useTranslation();
  const queries = useQueryClient();
  const id = useId();
  const [shown, setShown] = useState(false);
  const [refusal, setRefusal] = useState("");
  const form = useForm<Credentials>({ defaultValues: { email: "", password: "" } });
  const { errors, isSubmitting } = form.formState;
  useEffect(() => {
    document.title = `${t("app.signIn")} · Kontor`;
  }, [t]);

  const submit = form.handleSubmit(async ({ email, password }) => {
    setRefusal("");
    try {
      await login(email, password);
      signedIn.set(true);
      await queries.invalidateQueries();
    } catch (error) {
      const status = error instanceof Problem ? error.status : 0;
      setRefusal(status === 401 ? t("app.wrongPassword") : status === 429 ? t("app.tooMany") : explain(error));
      form.setFocus("password");
    }
  });

  return (
    <main
      className={cx(
        "flex h-full flex-col items-center justify-center gap-6 overflow-y-auto p-6",
        over ? "fixed inset-0 z-50 bg-canvas/90 backdrop-blur-sm" : "",
      )}
    >
      <div className="w-full max-w-88 rounded-xl border border-line bg-surface p-7 shadow-card">
        <Mark className="mb-5 size-9" />
        <h1 className="text-xl font-semibold tracking-tight">
          {over ? t("app.sessionOver") : t("app.signInTo", { name: "Kontor" })}
        </h1>
        <p className="mt-1 mb-6 text-ink-2">{over ? t("app.sessionOverHint") : t("app.signInHint")}</p>
        <form onSubmit={submit} noValidate className="space-y-4">
          <div>
            <label htmlFor={`${id}-email`} className="mb-1 block font-medium">
              {t("app.email")}
            </label>
            <input
              id={`${id}-email`}
              type="email"
              autoComplete="username"
              className="control h-9"
              aria-invalid={errors.email ? true : undefined}
              aria-describedby={errors.email ? `${id}-email-wrong` : undefined}
              {...form.register("email", { required: true })}
            />
            {errors.email && (
              <p id={`${id}-email-wrong`} className="mt-1 text-xs text-danger">
                {t("check.required")}
              </p>
            )}
          </div>
          <div>
            <label htmlFor={`${id}-password`} className="mb-1 block font-medium">
              {t("app.password")}
            </label>
            <div className="relative">
              <input
                id={`${id}-password`}
                type={shown ? "text" : "password"}
                autoComplete="current-password"
                className="control h-9 pe-10"
                aria-invalid={errors.password ? true : undefined}
                aria-describedby={errors.password ? `${id}-password-wrong` : undefined}
                {...form.register("password", { required: true })}
              />
              <IconButton
                label={t("app.showPassword")}
                hint={false}
                aria-pressed={shown}
                className="absolute end-0.5 top-0.5 pointer-coarse:size-9!"
                onClick={() => setShown(!shown)}
              >
                {shown ? <EyeOff aria-hidden /> : <Eye aria-hidden />}
              </IconButton>
            </div>
            {errors.password && (
              <p id={`${id}-password-wrong`} className="mt-1 text-xs text-danger">
                {t("check.required")}
              </p>
            )}
          </div>
          {refusal && (
            <p role="alert" className="rounded-md bg-danger-soft px-3 py-2 text-danger">
              {refusal}
            </p>
          )}
          <Button type="submit" tone="accent" className="h-9 w-full" disabled={isSubmitting}>
            {t("app.signIn")}
          </Button>
        </form>
      </div>
      <div className="flex gap-1">
        {Object.entries(languages).map(([code, name]) => (
          <Button
            key={code}
            tone="quiet"
            lang={code}
            aria-pressed={i18n.language === code}
            className={i18n.language === code ? "text-ink! underline decoration-line-strong underline-offset-4" : ""}
            onClick={() => void chooseLanguage(code as Language)}
          >
            {name}
          </Button>
        ))}
      </div>
    </main>
  );
}
