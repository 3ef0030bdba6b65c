import math

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers import AutoTokenizer

from aim_ros.experiments.generation import EarlyStop
from aim_ros.experiments.generation import lead_and_spread
from aim_ros.experiments.generation import noise_dominates
from aim_ros.experiments.generation import Recorder
from aim_ros.experiments.generation import UtilityModulationProcessor
from aim_ros.modulation import top1_preserved_probability

_PROMPT = 5


@pytest.fixture(scope='module')
def model(tiny_model):
    return AutoModelForCausalLM.from_pretrained(tiny_model).eval()


@pytest.fixture(scope='module')
def prompts(tiny_model):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model, padding_side='left')
    return tokenizer(['The answer', 'How many pears', '12'], padding=True, return_tensors='pt')


def _generate(model, inputs, *processors, steps=12):
    return model.generate(
        **inputs, do_sample=False, max_new_tokens=steps, logits_processor=list(processors))


def _ids(rows, length):
    return torch.zeros(rows, length, dtype=torch.int64)


def test_noise_has_the_asked_spread_and_no_mean():
    noise = UtilityModulationProcessor(2.0, prompt_length=_PROMPT)

    drawn = noise(_ids(4, _PROMPT), torch.zeros(4, 50_000))

    # Four standard errors of mean and standard deviation over 200,000 draws.
    assert drawn.mean().item() == pytest.approx(0, abs=4 * 2 / math.sqrt(200_000))
    assert drawn.std().item() == pytest.approx(2, abs=4 * 2 / math.sqrt(400_000))


def test_noise_depends_on_seed_step_and_sequence_alone():
    def draw(seed=1, step=3, sequences=(7, 9), prompt=_PROMPT):
        noise = UtilityModulationProcessor(
            1.0, prompt_length=prompt, seed=seed, sequences=sequences)
        return noise(_ids(len(sequences), prompt + step), torch.zeros(len(sequences), 40))

    both = draw()
    assert torch.equal(draw(sequences=(9,))[0], both[1])
    assert torch.equal(draw(prompt=30), both)  # whatever the padding
    for other in (draw(seed=2), draw(step=4), draw(sequences=(8, 10))):
        assert not torch.isclose(other, both).any()


def test_the_top_token_is_kept_as_often_as_theory_says():
    logits = torch.tensor([2.0, 1.0, 0.5, 0.0]).expand(100_000, 4)

    modulated = UtilityModulationProcessor(1.0, prompt_length=0)(_ids(100_000, 0), logits)

    expected = top1_preserved_probability(logits[:1], 1.0).item()
    kept = (modulated.argmax(dim=-1) == 0).double().mean().item()
    assert kept == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 100_000))


def test_sigma_zero_leaves_the_logits_alone():
    logits = torch.randn(2, 6)

    assert UtilityModulationProcessor(0.0, prompt_length=0)(_ids(2, 0), logits) is logits


def test_a_text_is_the_same_alone_and_in_a_batch(model, prompts):
    length = prompts['input_ids'].shape[1]
    together = _generate(model, prompts, UtilityModulationProcessor(
        1.0, prompt_length=length, seed=4, sequences=[10, 11, 12]))
    last = {name: tensor[1:2] for name, tensor in prompts.items()}
    alone = _generate(model, last, UtilityModulationProcessor(
        1.0, prompt_length=length, seed=4, sequences=[11]))

    assert torch.equal(together[1, : alone.shape[1]], alone[0])
    unmodulated = _generate(model, prompts)
    assert not torch.equal(together[:, length], unmodulated[:, length])


def test_beams_are_refused(model, prompts):
    noise = UtilityModulationProcessor(1.0, prompt_length=0, sequences=[0, 1, 2])

    with pytest.raises(ValueError, match='3 sequence numbers for 6 rows'):
        model.generate(**prompts, num_beams=2, max_new_tokens=2, logits_processor=[noise])


@pytest.mark.parametrize('processor', [
    lambda sigma: UtilityModulationProcessor(sigma, prompt_length=0),
    lambda sigma: EarlyStop(sigma, end_token=0),
])
@pytest.mark.parametrize('sigma', [-0.5, math.inf, math.nan])
def test_a_sigma_out_of_range_is_refused(processor, sigma):
    with pytest.raises(ValueError, match='sigma must be'):
        processor(sigma)


def test_noise_dominates_where_the_crowd_is_expected_to_reach_the_top():
    # Of 1000 tokens one is expected above 3.0902 standard deviations; sqrt(3**2 + 4**2) = 5.
    lead = torch.tensor([15.44, 15.46])

    assert noise_dominates(lead, torch.tensor(3.0), 4.0, 1000).tolist() == [True, False]
    assert not noise_dominates(lead, torch.tensor(30.0), 0.0, 1000).any()


def test_lead_and_spread_of_known_logits():
    lead, spread = lead_and_spread(torch.tensor([[1.0, 2.0, 6.0]]))

    assert (lead.item(), spread.item()) == (3.0, pytest.approx(math.sqrt(7)))


def test_early_stop_ends_only_the_rows_where_noise_dominates():
    logits = torch.zeros(2, 1000)
    logits[0, 3] = 20.0
    logits[1, 3] = 0.1

    stopped = EarlyStop(1.0, end_token=7)(_ids(2, _PROMPT), logits)

    assert torch.equal(stopped[0], logits[0])
    assert stopped[1].argmax() == 7
    assert torch.isinf(stopped[1]).sum() == 999


def test_early_stop_ends_a_text_at_its_first_dominated_step(model, prompts):
    length = prompts['input_ids'].shape[1]
    sigma, end = 0.8, model.generation_config.eos_token_id

    def noise():
        return UtilityModulationProcessor(sigma, prompt_length=length)

    recorder = Recorder()
    whole = _generate(model, prompts, recorder, noise(), steps=40)
    _, leads, spreads = recorder.finish(whole)
    stopped = _generate(model, prompts, EarlyStop(sigma, end), noise(), steps=40)

    dominated = noise_dominates(leads, spreads, sigma, model.config.vocab_size)
    first = torch.where(dominated.any(dim=1), dominated.int().argmax(dim=1), 40)
    assert first.max() > 0  # otherwise this sigma shows nothing
    assert first.min() < 40
    for row, steps in enumerate(first.tolist()):
        text = stopped[row, length:]
        assert torch.equal(text[:steps], whole[row, length:][:steps])
        assert text[steps:].eq(end).all()


def test_the_recorder_knows_the_unmodulated_likelihood_of_each_token(model, prompts):
    alone = {name: tensor[1:2] for name, tensor in prompts.items()}
    start = int(alone['attention_mask'].argmax())
    length = alone['input_ids'].shape[1]
    recorder = Recorder()

    sequences = _generate(model, alone, recorder,
                          UtilityModulationProcessor(1.5, prompt_length=length), steps=6)

    likelihoods, leads, spreads = recorder.finish(sequences)
    with torch.inference_mode():
        logits = model(sequences[:, start:]).logits[:, length - start - 1 : -1]
    expected = logits.log_softmax(-1).gather(2, sequences[:, length:, None])[..., 0]
    torch.testing.assert_close(likelihoods, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close((leads, spreads), lead_and_spread(logits), atol=1e-4, rtol=1e-4)
