// What the servers do now: asked for every few seconds while the page is looked at.
import { effect, signal } from "@preact/signals";
import OpenAI from "openai";
import { explain, getOwn } from "../access/client";
import { key } from "../access/key";

const SECONDS = 3;

export interface Session {
  id: string;
  key: string;
  project_id: string;
  project_name: string | null;
  is_busy: boolean;
  opened_at: number;
  used_at: number;
  ends_at: number;
  memory_bytes: number | null;
  memory_limit_bytes: number;
  cpu_seconds: number | null;
  server_id: string;
}

export interface Run {
  id: string;
  api: "assistants" | "responses";
  project_id: string;
  project_name: string | null;
  thread_id: string | null;
  status: string;
  seconds: number;
  backend: string;
  model: string;
  server_id: string | null;
}

export interface Waiting {
  key: string;
  project_name: string | null;
  seconds: number;
  server_id: string;
}

export interface Live {
  at: number;
  max_sessions: number;
  warm_sessions: number;
  sessions: Session[];
  runs: Run[];
  queue: Waiting[];
}

export interface Project {
  id: string;
  name: string;
  limits: Record<"requests" | "runs" | "sessions" | "storage_bytes" | "memory_gib", number | null>;
  use: {
    runs: number;
    requests: number | null;
    sessions: number;
    all_sessions: number;
    waiting: number;
    storage_bytes: number;
    billed_today: number;
    dollars_today: number;
  };
}

export interface Server {
  id: string;
  host: string;
  version: string;
  jail: string | null;
  started_at: number;
  seen_at: number;
  is_silent: boolean;
  sessions: number;
  max_sessions: number;
  warm_sessions: number;
  waiting: number;
}

export interface Upstream {
  server_id: string;
  backend: string;
  host: string;
  answered_at: number | null;
  failed_at: number | null;
  failure: string | null;
  successes: number;
  failures: number;
}

export interface Doctor {
  server_id: string;
  host: string;
  jail: string | null;
  limitations: string[];
  walls: { name: string; stands: boolean; is_required: boolean; meaning: string }[];
}

interface List<T> {
  data: T[];
}

export interface State {
  live: Live;
  projects: Project[];
  servers: Server[];
  upstreams: Upstream[];
  doctor: Doctor[];
}

/** What was read last; `null` before the first time. */
export const state = signal<State | null>(null);
export const refreshedAt = signal<Date | null>(null);
export const failure = signal<string | null>(null);
/** Whether the key at hand is one of a project, which does not open this page. */
export const isProjectKey = signal(false);

/** Reads everything anew; with `probe` the server asks its upstream for a sign of life first. */
export async function refresh(probe = false): Promise<void> {
  try {
    const [live, projects, servers, upstreams, doctor] = await Promise.all([
      getOwn<Live>("admin/live"),
      getOwn<List<Project>>("admin/projects"),
      getOwn<List<Server>>("admin/servers"),
      getOwn<List<Upstream>>(`admin/upstreams${probe ? "?probe=true" : ""}`),
      getOwn<List<Doctor>>("admin/doctor"),
    ]);
    state.value = {
      live,
      projects: projects.data,
      servers: servers.data,
      upstreams: upstreams.data,
      doctor: doctor.data,
    };
    refreshedAt.value = new Date();
    failure.value = null;
  } catch (error) {
    isProjectKey.value = error instanceof OpenAI.PermissionDeniedError;
    failure.value = explain(error);
  }
}

/** Refreshes for as long as there is a key and somebody looks; returns what ends it. */
export function keepFresh(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const go = async () => {
    if (!document.hidden && key.value && !isProjectKey.value) await refresh();
    if (!isOver) timer = setTimeout(go, SECONDS * 1000);
  };
  const stop = effect(() => {
    if (!key.value) state.value = null;
    isProjectKey.value = false;
    clearTimeout(timer);
    timer = setTimeout(go, 0);
  });
  return () => {
    isOver = true;
    clearTimeout(timer);
    stop();
  };
}
