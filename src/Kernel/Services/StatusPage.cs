using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using VirtioGuest.Commands.Text;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services;

/// <summary><c>http</c>: the machine as a page for a browser, and as JSON at <c>/status.json</c>.</summary>
/// <remarks>
/// HttpListener works here as well, but what it brings along (TLS, certificates, WebSockets) would double the image.
/// </remarks>
internal sealed class StatusPage : StreamService
{
    private const int LongestRequest = 8 * 1024;
    private const string TextType = "text/plain; charset=utf-8";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly string s_version = typeof(StatusPage).Assembly.GetName().Version!.ToString(3);
    private static readonly string s_runtime = Environment.Version.ToString();

    private readonly SystemControl _system;
    private readonly DeviceInventory _devices;

    public StatusPage(IPEndPoint local, SystemControl system, DeviceInventory devices)
        : base("http", local)
    {
        _system = system;
        _devices = devices;
    }

    /// <inheritdoc/>
    public override string Unit => "requests";

    /// <inheritdoc/>
    protected override async Task ServeAsync(Socket connection)
    {
        byte[] request = new byte[LongestRequest];
        int length = 0;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stopping);
        patience.CancelAfter(s_patience);
        while (request.AsSpan(0, length).IndexOf("\r\n\r\n"u8) < 0)
        {
            int count = length == request.Length
                ? 0
                : await connection.ReceiveAsync(request.AsMemory(length), patience.Token);
            if (count == 0)
            {
                // Too long, or the peer has said all that it had to say.
                await SendAsync(connection, Answer("400 Bad Request", TextType, "", []));
                return;
            }

            length += count;
        }

        Count(1);
        await SendAsync(connection, AnswerTo(request.AsSpan(0, length)));
        connection.Shutdown(SocketShutdown.Send);

        // What the peer still sends is read, or closing would reset the connection under the answer.
        while (await connection.ReceiveAsync(request, patience.Token) > 0)
        {
        }
    }

    /// <summary>Answers a request (RFC 9112); each connection has one.</summary>
    private byte[] AnswerTo(ReadOnlySpan<byte> request)
    {
        int end = request.IndexOf("\r\n"u8);
        string[] words = Encoding.ASCII.GetString(request[..end]).Split(' ');
        if (words.Length != 3 || !words[2].StartsWith("HTTP/1.", StringComparison.Ordinal))
        {
            return Answer("400 Bad Request", TextType, "", []);
        }

        bool isHead = words[0] == "HEAD";
        if (!isHead && words[0] != "GET")
        {
            return Answer("405 Method Not Allowed", TextType, "Allow: GET, HEAD\r\n", []);
        }

        byte[] answer = words[1].Split('?')[0] switch
        {
            "/" => Answer("200 OK", "text/html; charset=utf-8", "", Encoding.UTF8.GetBytes(Page())),
            "/status.json" => Answer("200 OK", "application/json", "", Json()),
            _ => Answer("404 Not Found", TextType, "", "There is only / and /status.json.\n"u8),
        };
        return isHead ? answer[..(answer.AsSpan().IndexOf("\r\n\r\n"u8) + 4)] : answer;
    }

    private static byte[] Answer(string status, string type, string headers, ReadOnlySpan<byte> body) =>
    [
        .. Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n"
            + "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            + $"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n{headers}\r\n"),
        .. body,
    ];

    private string Page()
    {
        var page = new StringBuilder(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>VirtioGuest</title>
            <style>
            :root { color-scheme: light dark; }
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
            table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
            th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #8886; }
            td.n { text-align: right; font-variant-numeric: tabular-nums; }
            code { overflow-wrap: anywhere; }
            </style>
            </head>
            <body>

            """);
        MemoryInfo memory = _system.Memory;
        page.Append($"<h1>VirtioGuest {s_version}</h1>\n<p>.NET {s_runtime}, up for ")
            .Append($"{TimeSpan.FromMilliseconds(Environment.TickCount64):d\\.hh\\:mm\\:ss}. ")
            .Append($"Memory: {ByteCount.Format(memory.Total - memory.Free)} of {ByteCount.Format(memory.Total)} ")
            .Append("used. <a href=\"status.json\">The same as JSON</a></p>\n");
        foreach (VirtioDevice device in _devices.VirtioDevices)
        {
            Append(page, device.Describe());
        }

        page.Append("<h2>Network</h2>\n<table>\n<tr><th>link<th>address<th>received<th>sent<th>dropped</tr>\n");
        foreach (NetworkPort port in _devices.PresentNetworks)
        {
            NetworkStatistics statistics = port.Stack.GetStatistics();
            page.Append($"<tr><td>{Text(port.Name)}<td>{Text(port.Stack.Configuration?.ToString() ?? "none")}")
                .Append($"<td class=\"n\">{statistics.FramesReceived}<td class=\"n\">{statistics.FramesSent}")
                .Append($"<td class=\"n\">{statistics.TotalDropped}</tr>\n");
        }

        page.Append("</table>\n<h2>Threads</h2>\n<table>\n<tr><th>name<th>state<th>ms of processor time</tr>\n");
        foreach (ThreadDescription thread in Threads())
        {
            page.Append($"<tr><td>{Text(thread.Name)}<td>{Text(thread.State)}")
                .Append($"<td class=\"n\">{thread.CpuNanoseconds / 1_000_000}</tr>\n");
        }

        return page.Append("</table>\n</body>\n</html>\n").ToString();
    }

    private static void Append(StringBuilder page, DeviceDescription device)
    {
        page.Append($"<h2>{Text(device.Name)}</h2>\n<p>{Text(device.TypeName)}, {Text(device.Transport)}, ")
            .Append($"{device.RingFormat} ring, {Text(device.Interrupts)}</p>\n<p><code>")
            .Append(Text(string.Join(' ', device.FeatureReport.NamesOf(FeatureFate.Accepted))))
            .Append("</code></p>\n<table>\n<tr><th>queue<th>descriptors<th>added<th>used<th>in flight")
            .Append("<th>notifications<th>interrupts</tr>\n");
        foreach (QueueDescription queue in device.Queues)
        {
            page.Append($"<tr><td>{Text(queue.Name)}<td class=\"n\">{queue.Size}<td class=\"n\">{queue.Added}")
                .Append($"<td class=\"n\">{queue.Used}<td class=\"n\">{queue.InFlight}")
                .Append($"<td class=\"n\">{queue.Notifications}<td class=\"n\">{queue.Interrupts}</tr>\n");
        }

        page.Append("</table>\n<table>\n");
        foreach (Counter counter in device.Counters)
        {
            page.Append($"<tr><td>{Text(counter.Name)}<td class=\"n\">{counter.Value}</tr>\n");
        }

        page.Append("</table>\n");
    }

    private byte[] Json()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            MemoryInfo memory = _system.Memory;
            json.WriteStartObject();
            json.WriteString("version", s_version);
            json.WriteString("runtime", s_runtime);
            json.WriteNumber("uptimeMilliseconds", Environment.TickCount64);
            json.WriteStartObject("memory");
            json.WriteNumber("totalBytes", memory.Total);
            json.WriteNumber("freeBytes", memory.Free);
            json.WriteEndObject();
            json.WriteStartArray("devices");
            foreach (VirtioDevice device in _devices.VirtioDevices)
            {
                Write(json, device.Describe());
            }

            json.WriteEndArray();
            json.WriteStartArray("networks");
            foreach (NetworkPort port in _devices.PresentNetworks)
            {
                NetworkStatistics statistics = port.Stack.GetStatistics();
                json.WriteStartObject();
                json.WriteString("name", port.Name);
                json.WriteString("address", port.Stack.Configuration?.Address.ToString());
                json.WriteNumber("framesReceived", statistics.FramesReceived);
                json.WriteNumber("framesSent", statistics.FramesSent);
                json.WriteNumber("dropped", statistics.TotalDropped);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("threads");
            foreach (ThreadDescription thread in Threads())
            {
                json.WriteStartObject();
                json.WriteString("name", thread.Name);
                json.WriteString("state", thread.State);
                json.WriteNumber("cpuNanoseconds", thread.CpuNanoseconds);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter json, DeviceDescription device)
    {
        json.WriteStartObject();
        json.WriteString("name", device.Name);
        json.WriteString("type", device.TypeName);
        json.WriteString("transport", device.Transport);
        json.WriteString("ring", device.RingFormat.ToString());
        json.WriteStartArray("features");
        foreach (string feature in device.FeatureReport.NamesOf(FeatureFate.Accepted))
        {
            json.WriteStringValue(feature);
        }

        json.WriteEndArray();
        json.WriteStartArray("queues");
        foreach (QueueDescription queue in device.Queues)
        {
            json.WriteStartObject();
            json.WriteString("name", queue.Name);
            json.WriteNumber("size", queue.Size);
            json.WriteNumber("added", queue.Added);
            json.WriteNumber("used", queue.Used);
            json.WriteNumber("inFlight", queue.InFlight);
            json.WriteNumber("notifications", queue.Notifications);
            json.WriteNumber("interrupts", queue.Interrupts);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("counters");
        foreach (Counter counter in device.Counters)
        {
            json.WriteNumber(counter.Name, counter.Value);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private IEnumerable<ThreadDescription> Threads()
    {
        for (int index = 0; _system.TryGetThread(index, out ThreadDescription? thread); index++)
        {
            if (thread is not null)
            {
                yield return thread;
            }
        }
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
