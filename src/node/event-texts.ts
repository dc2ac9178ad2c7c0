/** A text made of a value: the one made last is given again, so that the events of containers of one template share it. */
export class SharedText {
  private readonly before: string;
  private readonly after: string;
  private value = '';
  private text: string;

  constructor(before: string, after = '') {
    this.before = before;
    this.after = after;
    this.text = before + after;
  }

  /** The text with a value in its place. */
  of(value: string): string {
    if (value !== this.value) {
      this.value = value;
      this.text = this.before + value + this.after;
    }
    return this.text;
  }
}

/** Messages of events that most containers cause (pkg/kubelet/images, kuberuntime). */
export class EventTexts {
  readonly present = new SharedText('Container image "', '" already present on machine');
  readonly pulling = new SharedText('Pulling image "', '"');
  readonly created = new SharedText('Created container: ');
  readonly started = new SharedText('Started container ');
  readonly stopping = new SharedText('Stopping container ');
}
