// The functions that a model may call in conversations: their answers are given by hand.
import { AddFunction, FunctionForms } from "../assistants/function_form";
import { Modal } from "../shell/modal";
import { strings } from "../strings";
import { settings } from "./settings";

export function Functions({ onClose }: { onClose: () => void }) {
  const { functions } = settings.value;
  const put = (next: typeof functions) => (settings.value = { ...settings.value, functions: next });
  return (
    <Modal name={strings.functionsOf(functions.length)} class="functions" onClose={onClose}>
      <div class="drawer">
        <h2>{strings.functionsOf(functions.length)}</h2>
        <p class="hint">{strings.functionsHint}</p>
        <FunctionForms functions={functions} onChange={put} />
        <div class="row">
          <AddFunction functions={functions} onChange={put} />
          <button type="button" class="primary" onClick={onClose}>
            {strings.close}
          </button>
        </div>
      </div>
    </Modal>
  );
}
