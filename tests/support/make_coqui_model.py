"""Writes a small VITS model of Coqui's: `python make_coqui_model.py FOLDER`, in the environment with torch.

Its weights are random but for the pace, which is that of speech: it babbles, as long as the text is.
"""

import math
import sys
from pathlib import Path

import torch
from TTS.config.shared_configs import BaseAudioConfig
from TTS.tts.configs.shared_configs import CharactersConfig
from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
from TTS.tts.models.vits import Vits

_FRAMES_PER_CHARACTER = 6
"""Of 256 samples at 22,050 Hz: 70 ms."""
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def config() -> VitsConfig:
    arguments = VitsArgs(
        hidden_channels=32,
        hidden_channels_ffn_text_encoder=64,
        num_layers_text_encoder=2,
        num_layers_posterior_encoder=2,
        num_layers_flow=2,
        upsample_initial_channel_decoder=64,
        use_sdp=False,
        init_discriminator=False,
    )
    return VitsConfig(
        model_args=arguments,
        audio=BaseAudioConfig(sample_rate=22_050),
        use_phonemes=False,
        text_cleaner="multilingual_cleaners",
        phoneme_language="en-us",
        characters=CharactersConfig(
            pad="<PAD>",
            eos="<EOS>",
            bos="<BOS>",
            blank="<BLNK>",
            characters=_LETTERS,
            punctuations="!'(),.:;? -",
        ),
        add_blank=False,
        test_sentences=[],
    )


def model(settings: VitsConfig) -> Vits:
    torch.manual_seed(7)
    vits = Vits(settings)
    with torch.no_grad():
        pace = vits.duration_predictor.proj
        pace.weight.zero_()
        pace.bias.fill_(math.log(_FRAMES_PER_CHARACTER - 0.5))
        vits.waveform_decoder.conv_post.weight.mul_(2.0)
    return vits


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    settings = config()
    torch.save({"model": model(settings).state_dict()}, folder / "model.pth")
    settings.save_json(str(folder / "config.json"))
