import { Building2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Empty } from "@/components/ui/states";

export function NoTenant() {
  const { t } = useTranslation();
  return (
    <main className="flex h-full items-center justify-center">
      <Empty
        icon={<Building2 aria-hidden />}
        title={t("app.noTenant")}
        hint={t("app.noTenantHint", { host: location.host })}
      />
    </main>
  );
}
