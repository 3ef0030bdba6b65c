// A field whose text is the viewer's own from the first key on: see draft_field.py.

export default {
  template: `
    <q-input
      :model-value="draft ?? entered ?? value"
      @update:model-value="(text) => (draft = String(text ?? ''))"
      @keydown.enter="enter"
      @keydown.esc="draft = null"
      @blur="enter"
    />`,
  props: { value: [String, Number] },
  emits: ["entered"],
  // What is being typed, and what was handed in and is not answered yet; null where nothing is.
  data: () => ({ draft: null, entered: null }),
  methods: {
    enter() {
      if (this.draft === null) return;
      this.entered = this.draft;
      this.draft = null;
      this.$emit("entered", this.entered);
    },
    release(text) {
      if (this.entered === text) this.entered = null;
    },
  },
};
