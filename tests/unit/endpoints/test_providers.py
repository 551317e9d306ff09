"""Where a model is reached, and which key goes there."""

import pytest
from loopback import LoopbackServer, say

from unisafebench.core.errors import UsageError
from unisafebench.endpoints.base import ChatRequest
from unisafebench.endpoints.http import Limits
from unisafebench.endpoints.providers import open_chat, split_name

_ASKED = ChatRequest(messages=({"role": "user", "content": "q"},), max_tokens=8)


async def _key_sent(name: str, environment: dict[str, str], *, named: bool = True) -> str | None:
    """Return the header that a server sees, reached by its option or from the environment."""
    with LoopbackServer(lambda _: say("fine")) as server:
        provider = split_name(name, role="judge")[0].upper().replace("-", "_").replace(".", "_")
        env = environment if named else {**environment, f"{provider}_BASE_URL": server.url}
        chat = open_chat(
            name,
            role="judge",
            base_url=server.url if named else None,
            limits=Limits(max_retries=0),
            environment=env,
        )
        await chat.complete(_ASKED)
        await chat.aclose()
    return server.headers[0].get("Authorization")


async def test_a_key_is_only_sent_to_its_own_provider() -> None:
    """Another provider's key stays where it is, whatever the address."""
    keys = {"OPENAI_API_KEY": "sk-openai", "VLLM_API_KEY": "sk-vllm"}
    assert await _key_sent("openai/gpt-4o", keys) == "Bearer sk-openai"
    assert await _key_sent("vllm/judge", keys) == "Bearer sk-vllm"
    assert await _key_sent("lmstudio/judge", keys) is None


@pytest.mark.parametrize("key", ["", "  ", "\n"])
async def test_an_empty_key_is_no_key(key: str) -> None:
    """An empty variable sends nothing."""
    assert await _key_sent("vllm/judge", {"VLLM_API_KEY": key}) is None


async def test_a_key_read_from_a_file_may_end_in_a_newline() -> None:
    """What stands around a key is no part of it."""
    assert await _key_sent("my-llm.v2/judge", {"MY_LLM_V2_API_KEY": " sk-1\n"}) == "Bearer sk-1"


async def test_the_address_may_come_from_the_environment() -> None:
    """`<PROVIDER>_BASE_URL` is used where no option gives one."""
    assert await _key_sent("vllm/judge", {"VLLM_API_KEY": "sk-1"}, named=False) == "Bearer sk-1"


def _address(name: str, base_url: str | None = None, **environment: str) -> str:
    chat = open_chat(
        name, role="judge", base_url=base_url, limits=Limits(), environment=environment
    )
    return chat._server.http.base_url


async def test_option_then_environment_then_published_address() -> None:
    """The nearer one wins; a slash at the end does not matter."""
    assert _address("openai/m") == "https://api.openai.com/v1"
    env = "http://127.0.0.1:1/v1"
    assert _address("openai/m", OPENAI_BASE_URL=env) == env
    assert _address("openai/m", " http://[::1]:2/v1/ ", OPENAI_BASE_URL=env) == "http://[::1]:2/v1"


async def test_a_provider_without_an_address_says_how_to_give_one() -> None:
    """Both ways, ready to paste."""
    with pytest.raises(UsageError) as caught:
        _address("vllm/m")
    assert "--judge-base-url http://host:port/v1" in str(caught.value)
    assert "VLLM_BASE_URL" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000",
        "127.0.0.1:8000/v1",
        "ftp://host/v1",
        "http://",
        "http:///v1",
        "https://:443/v1",
        "http://[::1/v1",
        "http://host:port/v1",
        "http://host:99999/v1",
        "http://host:0/v1",
        "file:///etc/passwd",
        "v1",
    ],
)
async def test_an_address_that_is_none_is_refused(address: str) -> None:
    """Before anything is sent, with an example of one."""
    with pytest.raises(UsageError) as caught:
        _address("vllm/m", address)
    assert f"{address!r} is no http or https address" in str(caught.value)
    assert "http://127.0.0.1:8000/v1" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:hunter2@host/v1",
        "http://hunter2@host/v1",
        "http://host/v1?key=hunter2",
        "http://host/v1#hunter2",
        "http://user:hunter2@host:port/v1",
    ],
)
async def test_an_address_with_a_secret_is_refused_without_repeating_it(address: str) -> None:
    """It would end in the manifest; the message says where a key belongs."""
    with pytest.raises(UsageError) as caught:
        _address("vllm/m", address)
    assert "hunter2" not in str(caught.value)
    assert "VLLM_API_KEY" in str(caught.value)


@pytest.mark.parametrize("key", ["sk-1\nX-Other: 1", "sk-é", "sk\0"])
async def test_a_key_that_no_header_can_hold_is_refused_without_repeating_it(key: str) -> None:
    """A half-copied key is named by its variable."""
    with pytest.raises(UsageError) as caught:
        _address("vllm/m", "http://host/v1", VLLM_API_KEY=key)
    assert "VLLM_API_KEY" in str(caught.value)
    assert key not in str(caught.value)


def test_a_models_name_may_hold_slashes() -> None:
    """Only the first slash ends the provider."""
    assert split_name("hf/deepseek-community/Janus-Pro-7B", role="model") == (
        "hf",
        "deepseek-community/Janus-Pro-7B",
    )


@pytest.mark.parametrize("name", ["gpt-4o", "/gpt-4o", "openai/", "/", ""])
def test_a_name_without_provider_or_model_is_refused(name: str) -> None:
    """The message shows the form and an example."""
    with pytest.raises(UsageError, match="not of the form provider/model, for example vllm/"):
        split_name(name, role="judge")
