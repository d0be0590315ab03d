using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;

namespace VirtioGuest.Recording.Tests;

/// <summary>
/// Headless Chromium with one page, steered over its DevTools protocol. Every wait ends after a minute.
/// </summary>
internal sealed partial class Browser : IDisposable
{
    private static readonly string[] s_programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket = new();
    private int _last;

    private Browser(string program, string profile)
    {
        _profile = profile;
        var start = new ProcessStartInfo(program) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in new[]
        {
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--window-size=1500,1150", "--remote-debugging-port=0", $"--user-data-dir={profile}", "about:blank",
        })
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
    }

    /// <summary>What the page's console has said that is an error, and exceptions that nobody caught.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Starts a browser; the test is skipped where there is none.</summary>
    public static async Task<Browser> StartAsync()
    {
        string? program = s_programs.FirstOrDefault(File.Exists);
        if (program is null)
        {
            Assert.Ignore("There is no browser. Install one with: apt-get install chromium");
        }

        string profile = Path.Combine(Path.GetTempPath(), "viewer-" + Guid.NewGuid().ToString("n"));
        var browser = new Browser(program!, profile);
        try
        {
            await browser.ConnectAsync();
            return browser;
        }
        catch
        {
            browser.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file, and waits until the page says that it is open.</summary>
    /// <returns>How many milliseconds after its navigation began it said so.</returns>
    public async Task<int> OpenAsync(string path, string fragment = "")
    {
        await SendAsync("Page.navigate", new { url = new Uri("about:blank").ToString() });
        await SendAsync("Page.navigate", new { url = new Uri(path) + fragment });
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < s_patience)
        {
            string opened = await EvaluateAsync("document.body ? document.body.dataset.opened || '' : ''");
            if (opened.Length != 0)
            {
                return int.Parse(opened, System.Globalization.CultureInfo.InvariantCulture);
            }

            await Task.Delay(20);
        }

        throw new TimeoutException("the page does not open; its console: " + string.Join("; ", Errors));
    }

    /// <summary>Evaluates an expression in the page.</summary>
    /// <returns>Its value as text.</returns>
    public async Task<string> EvaluateAsync(string expression)
    {
        JsonElement answer = await SendAsync(
            "Runtime.evaluate", new { expression = $"String({expression})", returnByValue = true });
        return answer.TryGetProperty("exceptionDetails", out JsonElement details)
            ? throw new InvalidOperationException(details.ToString())
            : answer.GetProperty("result").GetProperty("value").GetString()!;
    }

    /// <summary>Presses a key.</summary>
    public async Task PressAsync(string key, string? text = null)
    {
        await SendAsync("Input.dispatchKeyEvent", new { type = "keyDown", key, text = text ?? string.Empty });
        await SendAsync("Input.dispatchKeyEvent", new { type = "keyUp", key });
    }

    /// <summary>Says which colours the reader prefers.</summary>
    public Task PreferAsync(string scheme) => SendAsync(
        "Emulation.setEmulatedMedia",
        new { features = new[] { new { name = "prefers-color-scheme", value = scheme } } });

    /// <summary>Takes a picture.</summary>
    public async Task<byte[]> PictureAsync()
    {
        JsonElement answer = await SendAsync("Page.captureScreenshot", new { format = "png" });
        return Convert.FromBase64String(answer.GetProperty("data").GetString()!);
    }

    public void Dispose()
    {
        _socket.Dispose();
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit((int)s_patience.TotalMilliseconds);
        _process.Dispose();
        try
        {
            Directory.Delete(_profile, recursive: true);
        }
        catch (IOException e)
        {
            TestContext.Out.WriteLine($"the browser's profile stays: {e.Message}");
        }
    }

    private async Task ConnectAsync()
    {
        using var patience = new CancellationTokenSource(s_patience);
        Match match;
        do
        {
            string line = await _process.StandardError.ReadLineAsync(patience.Token)
                ?? throw new IOException("the browser has ended");
            match = Listening().Match(line);
        }
        while (!match.Success);
        _ = _process.StandardError.ReadToEndAsync(CancellationToken.None);
        using var client = new HttpClient();
        string list = await client.GetStringAsync($"http://{match.Groups["host"].Value}/json/list", patience.Token);
        using JsonDocument targets = JsonDocument.Parse(list);
        string page = targets.RootElement.EnumerateArray()
            .First(each => each.GetProperty("type").GetString() == "page")
            .GetProperty("webSocketDebuggerUrl").GetString()!;
        await _socket.ConnectAsync(new Uri(page), patience.Token);
        await SendAsync("Runtime.enable", new { });
        await SendAsync("Log.enable", new { });
        await SendAsync("Page.enable", new { });
    }

    private async Task<JsonElement> SendAsync(string method, object parameters)
    {
        using var patience = new CancellationTokenSource(s_patience);
        int id = ++_last;
        byte[] request = JsonSerializer.SerializeToUtf8Bytes(new { id, method, @params = parameters });
        await _socket.SendAsync(request, WebSocketMessageType.Text, true, patience.Token);
        while (true)
        {
            JsonElement message = await ReceiveAsync(patience.Token);
            if (message.TryGetProperty("id", out JsonElement answered) && answered.GetInt32() == id)
            {
                return message.TryGetProperty("error", out JsonElement error)
                    ? throw new InvalidOperationException($"{method}: {error}")
                    : message.GetProperty("result");
            }

            Note(message);
        }
    }

    private void Note(JsonElement message)
    {
        string method = message.TryGetProperty("method", out JsonElement name) ? name.GetString()! : string.Empty;
        bool isError = method == "Runtime.exceptionThrown"
            || (method == "Runtime.consoleAPICalled"
                && message.GetProperty("params").GetProperty("type").GetString() is "error" or "warning")
            || method == "Log.entryAdded";
        if (isError)
        {
            Errors.Add(message.GetProperty("params").ToString());
        }
    }

    private async Task<JsonElement> ReceiveAsync(CancellationToken patience)
    {
        using var whole = new MemoryStream();
        byte[] part = new byte[1 << 16];
        WebSocketReceiveResult result;
        do
        {
            result = await _socket.ReceiveAsync(part, patience);
            whole.Write(part, 0, result.Count);
        }
        while (!result.EndOfMessage);
        using JsonDocument document = JsonDocument.Parse(Encoding.UTF8.GetString(whole.ToArray()));
        return document.RootElement.Clone();
    }

    [GeneratedRegex(@"DevTools listening on ws://(?<host>[^/]+)/")]
    private static partial Regex Listening();
}
