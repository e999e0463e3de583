// One message: its text, its pictures, its files.
import type { ReadonlySignal } from "@preact/signals";
import { Markdown } from "../render/markdown";
import { LongText } from "../render/long_text";
import { strings } from "../strings";
import { editing, EditForm } from "./edit";
import { FileLink } from "./file_link";
import { Picture } from "./picture";
import type { Message } from "./transcript";

interface Props {
  message: ReadonlySignal<Message>;
  /** The files of pictures that the steps show already. */
  shown?: ReadonlySignal<string>;
  isEditable?: boolean;
}

export function MessageView({ message, shown, isEditable }: Props) {
  const { id, role, content, attachments } = message.value;
  if (isEditable && editing.value === id) return <EditForm message={message.value} />;
  const pictures = content.flatMap((part) =>
    part.type === "image_file" && !shown?.value.includes(part.image_file.file_id) ? [part.image_file.file_id] : [],
  );
  const texts = content.filter((part) => part.type === "text");
  const isUser = role === "user";
  return (
    <article class={`message ${role}`} dir="auto" id={id}>
      {isUser && <h2 class="hidden">{strings.you}</h2>}
      {pictures.map((file) => (
        <Picture key={file} file={file} />
      ))}
      {texts.map((part, at) => (
        <Markdown key={at} text={part.text.value} annotations={part.text.annotations} />
      ))}
      {content.map((part, at) => {
        if (part.type === "refusal") return <p key={at}>{part.refusal}</p>;
        if (part.type !== "image_url") return null; // which is never fetched
        return <LongText key={at} text={strings.pictureAt(part.image_url.url)} />;
      })}
      <Files files={filesOf(texts, attachments)} />
      {isUser && isEditable && (
        <button type="button" class="quiet" title={strings.editHint} onClick={() => (editing.value = id)}>
          {strings.editMessage}
        </button>
      )}
    </article>
  );
}

function Files({ files }: { files: string[] }) {
  if (!files.length) return null;
  return (
    <ul class="files" aria-label={strings.files}>
      {files.map((file) => (
        <li key={file}>
          <FileLink file={file} />
        </li>
      ))}
    </ul>
  );
}

type Text = Extract<Message["content"][number], { type: "text" }>;

/** The files of a message: those attached to it, and those its text was annotated with, whatever the text says. */
function filesOf(texts: Text[], attachments: Message["attachments"]): string[] {
  const annotated = texts.flatMap(({ text }) =>
    text.annotations.flatMap((each) => (each.type === "file_path" ? [each.file_path.file_id] : [])),
  );
  const attached = (attachments ?? []).flatMap(({ file_id }) => (file_id ? [file_id] : []));
  return [...new Set([...annotated, ...attached])];
}
