// Where the time of the newest response of the open conversation went, read again while it goes on.
import { computed, effect, signal } from "@preact/signals";
import OpenAI from "openai";
import { explain, getOwn } from "../access/client";
import type { Timeline } from "../inspector/behind";
import { conversation, trouble } from "./open_conversation";

const AGAIN_MS = 1_000;
const SOON_MS = 250; // many events come at once

export const timeline = signal<Timeline | null>(null);

const watched = computed(() => {
  const here = conversation.value;
  return `${here?.response.value?.id ?? ""} ${here?.response.value?.status} ${here?.entries.value.length}`;
});

effect(() => {
  const id = watched.value.split(" ")[0];
  if (timeline.peek()?.id !== id) timeline.value = null;
  if (!id) return;
  let timer = setTimeout(look, SOON_MS);
  async function look() {
    try {
      const read = await getOwn<Timeline>(`responses/${id}/timeline`);
      if (conversation.peek()?.response.peek()?.id !== id) return;
      timeline.value = read;
      if (conversation.peek()?.active.peek()) timer = setTimeout(look, AGAIN_MS);
    } catch (error) {
      if (error instanceof OpenAI.APIConnectionError) timer = setTimeout(look, AGAIN_MS); // which the talk tells of
      else if (!(error instanceof OpenAI.NotFoundError)) trouble.value = explain(error);
    }
  }
  return () => clearTimeout(timer);
});
