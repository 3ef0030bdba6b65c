// <aim-pictures camera="name">: a camera's image beside its overlay, always the newest.
// It asks for the next pair when the last is drawn, so that nothing queues up for a slow viewer.

const RETRY_MS = 1000;

class AimPictures extends HTMLElement {
  static observedAttributes = ["camera"];

  connectedCallback() {
    if (!this.pictures) {
      this.pictures = ["camera", "overlay"].map((name) => {
        const figure = document.createElement("figure");
        const image = document.createElement("img");
        const caption = document.createElement("figcaption");
        image.alt = caption.textContent = name;
        image.dataset.picture = name;
        figure.append(image, caption);
        this.append(figure);
        return image;
      });
    }
    this.open();
  }

  disconnectedCallback() {
    this.close();
  }

  attributeChangedCallback() {
    if (this.socket) {
      this.close();
      this.open();
    }
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const name = encodeURIComponent(this.getAttribute("camera"));
    const socket = new WebSocket(`${scheme}://${location.host}/pictures/${name}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send("next");
    socket.onmessage = async (event) => {
      await this.show(event.data);
      if (socket.readyState === WebSocket.OPEN) socket.send("next");
    };
    socket.onclose = () => {
      if (this.socket === socket) this.retry = setTimeout(() => this.open(), RETRY_MS);
    };
    this.socket = socket;
  }

  close() {
    const socket = this.socket;
    this.socket = null;
    clearTimeout(this.retry);
    if (socket) socket.close();
  }

  // A message is the length of the first JPEG, 4 bytes, then both; the second may be empty.
  async show(buffer) {
    const length = new DataView(buffer).getUint32(0);
    const parts = [buffer.slice(4, 4 + length), buffer.slice(4 + length)];
    await Promise.all(parts.map((data, index) => this.draw(this.pictures[index], data)));
    this.dataset.shown = Number(this.dataset.shown || 0) + 1;
  }

  async draw(image, data) {
    image.parentElement.classList.toggle("missing", data.byteLength === 0);
    if (data.byteLength === 0) return;
    const last = image.src;
    image.src = URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
    // One that cannot be drawn must not end the stream.
    await image.decode().catch((error) => console.warn("a picture was not drawn:", error));
    if (last) URL.revokeObjectURL(last);
  }
}

customElements.define("aim-pictures", AimPictures);
