"""The training loop: resumable to the step, with EMA, validation and a log."""

from collections.abc import Iterable
from contextlib import nullcontext
import json
from pathlib import Path
import time

from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import TaskProgressColumn
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn
import torch
import torch.distributed as distributed
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from aim_ros.segmentation.engine import choose_device
from aim_ros.training import data
from aim_ros.training import distillation
from aim_ros.training import losses
from aim_ros.training import metrics
from aim_ros.training import model as networks
from aim_ros.training import optimization
from aim_ros.training import processes
from aim_ros.training import state as states
from aim_ros.training.batches import batches_of
from aim_ros.training.batches import teaches
from aim_ros.training.config import Config
from aim_ros.training.config import to_dict
from aim_ros.training.sources import Source

STATE, BEST = 'last.pt', 'best'
LOG = 'log.jsonl'


class _Forward(torch.nn.Module):
    """The training forward pass as a module, which is what gradient averaging wraps."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return networks.logits(self.model, pixels)


class Trainer:
    """
    One training run in a folder: state, log, and the best checkpoint by validation.

    The state holds weights, their moving average, the optimiser and the step. Crops and
    dropout depend on the seed and the step alone, so a run that was stopped goes on as if it had
    not.

    :raises ModelError: there is no such device.
    :raises ValueError: the settings do not fit each other, or the folder's state.
    """

    def __init__(self, config: Config, folder: str | Path):
        self.config, self.folder = config, Path(folder)
        settings = config.train
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = choose_device(settings.device)
        self.rank, self.processes = processes.join_processes(self.device)
        if settings.batch % self.processes:
            raise ValueError(f'train.batch is {settings.batch}: {self.processes} processes '
                             'must be able to share it evenly')
        if settings.threads:
            torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self.model = networks.build(config.model).to(self.device, memory_format=layout).train()
        if settings.bf16 and self.device.type == 'cpu':  # there, the fused one's backward is slow
            self.model.set_attn_implementation('eager')
        self.layout = layout
        self.ema = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema),
                                 use_buffers=True)
        self.optimizers = optimization.optimizers(self.model, settings)
        self.class_weights, self.taught_weights = (
            torch.tensor([table.get(c, 1.0) for c in range(self.model.config.num_labels)],
                         device=self.device)
            for table in (settings.class_weights, config.teacher.class_weights))
        self.mean, self.std = (
            torch.tensor(v, device=self.device)[:, None, None] * 255
            for v in (self._processor().image_mean, self._processor().image_std)
        )
        self.step, self.seconds = 0, 0.0
        self.loss: torch.Tensor | None = None  # of the last steps, since the start of this process
        # mIoU and the mean IoU of the chosen classes, of the best checkpoint and of the latest.
        self.best: dict = {}
        self.latest: dict = {}
        self._resumed = (self.folder / STATE).exists()
        if self._resumed:
            self._load()
        self.network = _Forward(self.model)
        if self.processes > 1:
            self.network = DistributedDataParallel(self.network)
        if self.rank == 0:
            (self.folder / 'config.json').write_text(json.dumps(to_dict(config), indent=1))

    @property
    def progress(self) -> float:
        """How much of the run is done, 0..1: of its steps, or of its minutes if that is more."""
        settings = self.config.train
        done = self.step / settings.steps
        if settings.minutes:
            done = max(done, self.seconds / (60 * settings.minutes))
        return min(1.0, done)

    @property
    def beginning(self) -> str:
        """Where the run stands and what it has before it, in words."""
        settings = self.config.train
        weights = 'from random weights'
        if self._resumed:
            weights = f'goes on from {self.folder / STATE}'
        elif self.config.model.start:
            weights = f'from {self.config.model.start}'
        minutes = f'{self.seconds / 60:.1f}'
        if settings.minutes:
            minutes += f' of {settings.minutes:g}'
        text = f'{weights}: step {self.step} of {settings.steps}, {minutes} minutes'
        if self._resumed and not self.best:
            text += '; no best checkpoint here yet'
        return text

    @property
    def _groups(self):
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _processor(self):
        return networks.processor(self.config.train.input_size)

    def _load(self):
        counts = states.load(self.folder / STATE, self.model, self.ema, self.optimizers)
        self.step, self.seconds = counts['step'], counts['seconds']
        self.latest = counts['latest_figures']
        # Figures of a checkpoint that is not here would keep all that come from being written.
        if (self.folder / BEST).exists():
            self.best = counts['best_figures']

    def save(self) -> None:
        """Write the state; a run that is killed while writing keeps the state before."""
        if self.rank == 0:
            states.save(self.folder / STATE, self.model, self.ema, self.optimizers, {
                'step': self.step, 'seconds': self.seconds,
                'best_figures': self.best, 'latest_figures': self.latest})

    def train_step(self, batch: dict) -> torch.Tensor:
        """Take one optimiser step on a batch of crops and return the loss."""
        settings = self.config.train
        # Dropout then depends on the step and the process alone.
        torch.manual_seed((settings.seed * 1_000_003 + self.step) * 64 + self.rank)
        rate = optimization.learning_rate(self.step, self.progress, settings)
        for group in self._groups:
            group['lr'] = rate * group['factor']
        batch = {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}
        pixels = self._normalised(batch['image'])
        autocast = nullcontext()
        if settings.bf16:
            autocast = torch.autocast(self.device.type, torch.bfloat16)
        with autocast:
            logits = self.network(pixels)
        loss = losses.weighted_loss(
            logits, batch['labels'], batch['weight'], self.class_weights,
            stride=settings.loss_stride, dice=settings.dice)
        teacher = self.config.teacher
        if teaches(self.config):
            worth = distillation.worth(batch['wanted'], self.taught_weights)
            loss = loss + teacher.weight * distillation.divergence(
                logits, batch['wanted'], batch['asked'] * worth, teacher.temperature)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.ema.update_parameters(self.model)
        self.step += 1
        return loss.detach()

    def _normalised(self, image):
        return ((image.float() - self.mean) / self.std).contiguous(memory_format=self.layout)

    def batches(self, sources: list[Source]) -> Iterable[dict]:
        """Return the batches from the current step to the last."""
        return batches_of(
            self.config, sources, self.step, self.device, self.layout,
            rank=self.rank, processes=self.processes)

    def validate(self, choice: list[Source]) -> None:
        """Measure the moving average; keep it as `best` when it is the best so far."""
        settings, network = self.config.train, self.ema.module
        if self.processes > 1:
            for buffer in network.buffers():
                distributed.broadcast(buffer, 0)
        found = {}
        for source in choice:
            frames = source.frames[self.rank::self.processes]
            predict = metrics.predictor(network.eval(), self._processor(),
                                        source.settings.input_size or settings.input_size)
            found[source.settings.name] = metrics.evaluate(predict, frames)
        scores = [self._figures(figures) for figures in found.values()]
        self.latest = {key: sum(s[key] for s in scores) / len(scores) for key in scores[0]}
        score = self._score(self.latest)
        self._log({'step': self.step, 'seconds': round(self.seconds), 'score': score,
                   **{name: figures.as_dict() for name, figures in found.items()}})
        if not self.best or score > self._score(self.best):
            self.best = self.latest
            if self.rank == 0:
                networks.save(network, self.folder / BEST, settings.input_size)
                (self.folder / BEST / 'step.json').write_text(json.dumps(
                    {'step': self.step, 'score': score, **self.latest}))

    def _figures(self, figures):
        """Return what a source's figures contribute to the score."""
        # By IoU, not accuracy: accuracy alone is bought with people seen on empty roads.
        chosen = [figures.iou[c] for c in self.config.train.chosen_classes if figures.pixels[c]]
        return {'mIoU': figures.miou, 'chosen IoU': float(sum(chosen)) / max(1, len(chosen))}

    def _score(self, figures):
        return figures['mIoU'] + self.config.train.chosen_weight * figures['chosen IoU']

    def _log(self, entry):
        if self.rank:
            return
        with (self.folder / LOG).open('a') as log:
            log.write(json.dumps(entry) + '\n')

    def run(self, *, stop_after: int | None = None) -> bool:
        """
        Train to the end, or for `stop_after` steps; true when the run is done.

        SIGTERM and SIGINT end the run after the current step, with its state saved.
        """
        settings = self.config.train
        training = data.load_training(self.config.data)
        choice = data.load_choice(self.config.data)
        end = settings.steps if stop_after is None else self.step + stop_after
        columns = (
            TextColumn('step {task.fields[step]}'), BarColumn(), TaskProgressColumn(),
            TextColumn('{task.fields[note]}'), TimeRemainingColumn(elapsed_when_finished=True),
        )
        with (processes.stop_requests() as stopping,
              Progress(*columns, disable=self.rank > 0) as progress):
            if self.rank == 0:
                progress.console.print(self.beginning, highlight=False, soft_wrap=True)
            task = progress.add_task('', total=1.0, completed=self.progress, step=self.step,
                                     note='')
            started, before = time.monotonic(), self.seconds
            for batch in self.batches(training):
                stop, self.seconds = processes.agree(
                    bool(stopping), before + time.monotonic() - started, self.device)
                if stop or self.step >= end or self.progress >= 1:
                    break
                self._follow(self.train_step(batch))
                progress.update(task, completed=self.progress, step=self.step)
                if self.step % settings.log_every == 0:
                    self._log({'step': self.step, 'seconds': round(self.seconds, 1),
                               'loss': float(self.loss), 'lr': self._groups[0]['lr']})
                    progress.update(task, note=f'loss {self.loss:.3f}  {self._scores()}')
                if self.step % settings.validate_every == 0:
                    self.validate(choice)
                    if self.rank == 0:
                        progress.console.print(
                            f'step {self.step}  loss {self.loss:.3f}  {self._scores()}  '
                            f'{self.seconds / 60:.1f} min')
                if self.step % settings.save_every == 0:
                    self.save()
        done = self.progress >= 1
        if done and self.step % settings.validate_every:
            self.validate(choice)
        self.save()
        return done

    def _follow(self, loss):
        """Average the loss over the last steps; on CUDA without waiting for it."""
        self.loss = loss if self.loss is None else 0.98 * self.loss + 0.02 * loss

    def _scores(self):
        return '  '.join(f'{key} {value:.4f}' for key, value in self.latest.items())
