"""Settings of the voice service's WebSockets and of listening. Units in the names."""

from pydantic import Field

from services.common.sockets.settings import SocketSettings
from services.voice.listening.turn_taking import TurnRules
from services.voice.sockets.rules import VoiceSocketRules


class LiveSettings(SocketSettings):
    voice_sockets_max: int = Field(default=64, ge=1)
    """Live streams of this replica; each keeps a voice detector busy and now and then a recogniser."""
    voice_sockets_per_user: int = Field(default=8, ge=1)
    voice_socket_idle_seconds: float = Field(default=300.0, gt=0)
    """Without a frame from the client."""
    voice_socket_frames_per_second: float = Field(default=400.0, gt=0)
    """Twenty times what a microphone sends in frames of 20 ms: a file may be sent faster than it plays."""
    voice_socket_frames_burst: int = Field(default=800, ge=1)
    voice_socket_frame_max_bytes: int = Field(default=1 << 20, ge=1 << 16)
    """A larger frame closes the socket: some ten seconds of audio, even as base64."""
    voice_socket_send_seconds: float = Field(default=10.0, gt=0)
    """A client that has read nothing for so long is given up."""

    chat_url: str = "http://127.0.0.1:8007"
    """Where the chat service answers a spoken conversation."""
    chat_connect_seconds: float = Field(default=2.0, gt=0)
    chat_silence_seconds: float = Field(default=45.0, gt=0)
    """How long the chat service may say nothing; its models have deadlines of their own."""
    chat_away_sentence: str = "I cannot answer just now. Please try again in a moment."
    """Spoken while the chat service does not answer at all."""
    voice_conversation_instructions: str = (
        "You are talking aloud with the user. Answer in one or two short, plain sentences."
    )
    """What the model is told of a spoken conversation, unless its client says otherwise. Empty: nothing."""

    voice_turn_threshold: float = Field(default=0.5, gt=0, lt=1)
    """Probability of speech from which a voice counts."""
    voice_turn_finished_seconds: float = Field(default=0.32, gt=0)
    """Of silence, after which a finished sentence ends a turn."""
    voice_turn_silence_seconds: float = Field(default=0.6, gt=0)
    """The same where the words leave it open."""
    voice_turn_unfinished_seconds: float = Field(default=1.6, gt=0)
    """The same where the sentence plainly goes on."""
    voice_turn_max_seconds: float = Field(default=60.0, gt=0, le=300)

    @property
    def socket_rules(self) -> VoiceSocketRules:
        return VoiceSocketRules(
            idle_seconds=self.voice_socket_idle_seconds,
            leeway_seconds=self.jwt_leeway_seconds,
            frames_per_second=self.voice_socket_frames_per_second,
            frames_burst=self.voice_socket_frames_burst,
            send_seconds=self.voice_socket_send_seconds,
        )

    @property
    def turn_rules(self) -> TurnRules:
        return TurnRules(
            threshold=self.voice_turn_threshold,
            finished_seconds=self.voice_turn_finished_seconds,
            silence_seconds=self.voice_turn_silence_seconds,
            unfinished_seconds=self.voice_turn_unfinished_seconds,
            max_turn_seconds=self.voice_turn_max_seconds,
        )
