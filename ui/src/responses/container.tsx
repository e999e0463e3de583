// What is behind the open conversation: the container that its code ran in, and the files there.
import { signal } from "@preact/signals";
import type OpenAI from "openai";
import { useEffect } from "preact/hooks";
import { client, collect, explain } from "../access/client";
import { FileLink } from "../chat/file_link";
import { Waterfall } from "../inspector/waterfall";
import { sizeOf, timeOf } from "../render/units";
import { session, timeLeft } from "../shell/session";
import { strings } from "../strings";
import { conversation } from "./open_conversation";
import { timeline } from "./response_timeline";

type Container = OpenAI.ContainerRetrieveResponse;
type ContainerFile = OpenAI.Containers.FileListResponse;

const container = signal<Container | null>(null);
const files = signal<ContainerFile[]>([]);
const failure = signal<string | null>(null);

export function ContainerPane() {
  const id = conversation.value?.container.value ?? null;
  const isRunning = conversation.value?.active.value != null;
  // Reading is a use, which lets a container live on: it is read when it has changed, and not by a clock.
  useEffect(() => void load(id), [id, isRunning]);
  return (
    <aside class="inspector container" aria-label={strings.container}>
      <h2>{strings.container}</h2>
      {failure.value && <p class="error">{failure.value}</p>}
      {container.value ? <Facts container={container.value} /> : <p class="hint">{strings.noContainer}</p>}
      <ul class="container-files">
        {files.value.map((each) => (
          <li key={each.id}>
            <FileLink file={each.id} />
            <span class="hint">
              {sizeOf(each.bytes)} · {each.source === "user" ? strings.fromYou : strings.fromCode}
            </span>
          </li>
        ))}
      </ul>
      {container.value && !files.value.length && <p class="hint">{strings.noFiles}</p>}
      {timeline.value && timeline.value.spans.length > 0 && (
        <>
          <h2>{strings.timeline}</h2>
          <Waterfall timeline={timeline.value} />
        </>
      )}
    </aside>
  );
}

function Facts({ container }: { container: Container }) {
  const { id, status, expires_after, last_active_at, memory_limit } = container;
  const minutes = expires_after?.minutes;
  const expiry = minutes && last_active_at ? last_active_at + 60 * minutes : null;
  return (
    <dl class="facts">
      <dt>{strings.id}</dt>
      <dd>
        <code>{id}</code>
      </dd>
      <dt>{strings.state}</dt>
      <dd>{status}</dd>
      {expiry && <dt>{status === "expired" ? strings.expired : strings.expires}</dt>}
      {expiry && <dd>{timeOf(expiry)}</dd>}
      {memory_limit && <dt>{strings.memory}</dt>}
      {memory_limit && <dd>{memory_limit}</dd>}
      <SessionFacts />
    </dl>
  );
}

/** What the container's session takes and costs, while it lives. */
function SessionFacts() {
  const here = session.value;
  if (!here || here.status === "none") return null;
  const price = here.billed && here.price != null ? strings.price(here.price) : strings.free;
  return (
    <>
      <dt>{strings.cost}</dt>
      <dd>{strings.costUntil(price, timeLeft(here))}</dd>
      {here.cpu_seconds != null && <dt>{strings.sessionProcessor}</dt>}
      {here.cpu_seconds != null && <dd>{strings.milliseconds(1000 * here.cpu_seconds)}</dd>}
      {here.memory_bytes != null && <dt>{strings.sessionMemory}</dt>}
      {here.memory_bytes != null && <dd>{sizeOf(here.memory_bytes)}</dd>}
    </>
  );
}

async function load(id: string | null): Promise<void> {
  failure.value = null;
  if (container.value?.id !== id) {
    container.value = null;
    files.value = [];
  }
  if (!id) return;
  try {
    const found = await collect(client.value.containers.files.list(id, { order: "asc", limit: 100 }));
    const read = await client.value.containers.retrieve(id);
    if (conversation.value?.container.value !== id) return;
    container.value = read;
    files.value = found;
  } catch (error) {
    failure.value = explain(error);
  }
}
