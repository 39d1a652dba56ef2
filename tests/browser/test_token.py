"""The token: it arrives in the address, leaves it at once, and says plainly when it is no good any more."""

import time

from playwright.async_api import Browser

from services.common.auth import ALL_SCOPES, issue_token
from tests.browser.conftest import ChatHouse
from tests.support.browser import console
from tests.support.tokens import SECRET


async def test_token_leaves_the_address_bar_and_stays_over_a_reload(
    browser: Browser, house: ChatHouse
) -> None:
    async with console(browser, house.url, house.token) as watched:
        page = watched.page
        await page.wait_for_selector("#account-name:has-text('ann')")
        assert "token" not in page.url
        await page.reload()
        await page.wait_for_selector("#account-name:has-text('ann')")
        assert not await page.locator("#token-dialog").is_visible()


async def test_expired_token_is_said_plainly_and_a_pasted_one_goes_on(
    browser: Browser, house: ChatHouse
) -> None:
    expired = issue_token(
        SECRET, subject="ann", scopes=ALL_SCOPES, lifetime_seconds=60, now=time.time() - 3600
    )
    async with console(browser, house.url, expired, tolerated=["401"]) as watched:
        page = watched.page
        await page.wait_for_selector("#token-dialog[open]")
        assert "Your token expired at" in await page.inner_text("#token-why")
        await page.fill("#token-input", "not a token")
        await page.click("text=Use it")
        assert "not a token" in await page.inner_text("#token-error")
        await page.fill("#token-input", f"Bearer {house.token}\n")
        await page.click("text=Use it")
        await page.wait_for_selector("#sessions-notice:has-text('None yet.')")
        assert not await page.locator("#token-dialog").is_visible()


async def test_refused_token_asks_for_another(browser: Browser, house: ChatHouse) -> None:
    forged = issue_token(
        "another secret of thirty-two bytes or more",
        subject="ann",
        scopes=ALL_SCOPES,
        lifetime_seconds=3600,
        now=time.time(),
    )
    async with console(browser, house.url, forged, tolerated=["401"]) as watched:
        await watched.page.wait_for_selector("#token-dialog[open]")
        assert "does not accept this token" in await watched.page.inner_text("#token-why")
