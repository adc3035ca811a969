import { defineConfig, mergeConfig } from "vitest/config";
import flows from "./vitest.flows.config";

const config = mergeConfig(flows, defineConfig({}));
if (config.test) config.test.include = ["flows/screenshots.ts"];

export default config;
