import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Empty } from "@/components/ui/states";
import { PageHeader } from "@/shell/page-header";

export function NoObject() {
  const { t } = useTranslation();
  return (
    <>
      <PageHeader title={t("errors.notFound")} />
      <Empty icon={<Compass aria-hidden />} title={t("errors.noObject")} />
    </>
  );
}
