import { CircleAlert } from "lucide-react";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/ui/button";
import { Empty } from "@/components/ui/states";

/** What is shown in the place of something that broke. */
export function Broken({ onRetry }: { onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <div role="alert" className="flex h-full flex-1 items-center justify-center">
      <Empty icon={<CircleAlert aria-hidden />} title={t("errors.title")} hint={t("errors.hint")}>
        <Button onClick={onRetry}>{t("errors.retry")}</Button>
        <Button onClick={() => location.reload()}>{t("errors.reload")}</Button>
      </Empty>
    </div>
  );
}

/** Keeps what breaks inside from taking the page along. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? <Broken onRetry={() => this.setState({ broken: false })} /> : this.props.children;
  }
}
