using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace VirtioGuest.Tests.Sockets;

/// <summary>What programs do with peers on the host, which QEMU's user network shows at its gateway.</summary>
internal static class PeerCases
{
    private const string Gateway = "10.0.2.2";

    /// <summary>The cases that the command line asks for: none without <c>peer=PORT</c>.</summary>
    public static IEnumerable<(string Name, Func<Task> Run)> For(string commandLine)
    {
        int peer = Number(commandLine, "peer");
        int megabytes = Math.Max(1, Number(commandLine, "megabytes"));
        if (peer == 0)
        {
            return [];
        }

        return
        [
            ("what the host sends back is what was sent", () => EchoAsync(peer, megabytes)),
            ("a closed port of the host: connection refused", RefusedAsync),
            ("HttpClient reads what the host serves", () => HttpClientAsync(peer)),
            ("HttpListener serves the host until it says that it has seen enough", HttpListenerAsync),
            ("TLS and hashes say that OpenSSL is not there", NoOpenSslAsync),
        ];
    }

    // The first byte tells the peer what is wanted.
    private static async Task EchoAsync(int peer, int megabytes)
    {
        using var client = new TcpClient(Gateway, peer);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("E"u8.ToArray());
        byte[] data = new byte[64 * 1024];
        new Random(7).NextBytes(data);
        int pieces = megabytes * 16;
        Task sending = Task.Run(async () =>
        {
            for (int i = 0; i < pieces; i++)
            {
                await stream.WriteAsync(data);
            }

            client.Client.Shutdown(SocketShutdown.Send);
        });
        byte[] received = new byte[data.Length];
        for (int i = 0; i < pieces; i++)
        {
            await stream.ReadExactlyAsync(received);
            if (!received.AsSpan().SequenceEqual(data))
            {
                throw new InvalidOperationException($"Piece {i} of {pieces} is not what was sent.");
            }
        }

        await sending;
        if (await stream.ReadAsync(received.AsMemory(0, 1)) != 0)
        {
            throw new InvalidOperationException("More came back than was sent.");
        }
    }

    private static async Task RefusedAsync()
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(Gateway, 1);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return;
        }

        throw new InvalidOperationException("It was not refused.");
    }

    private static async Task HttpClientAsync(int peer)
    {
        using var client = new HttpClient();
        for (int i = 0; i < 3; i++)
        {
            string text = await client.GetStringAsync(new Uri($"http://{Gateway}:{peer}/hello?{i}"));
            if (text != $"hello from the host to /hello?{i}")
            {
                throw new InvalidOperationException(text);
            }
        }
    }

    private static async Task HttpListenerAsync()
    {
        using var listener = new HttpListener();
        listener.Prefixes.Add("http://*:8080/");
        listener.Start();
        Console.WriteLine("serving");
        bool isEnd = false;
        while (!isEnd)
        {
            HttpListenerContext context = await listener.GetContextAsync();
            string path = context.Request.Url!.AbsolutePath;
            byte[] body = path == "/large"
                ? [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i % 251))]
                : Encoding.UTF8.GetBytes($"{context.Request.HttpMethod} {path}");
            context.Response.ContentLength64 = body.Length;
            await context.Response.OutputStream.WriteAsync(body);
            context.Response.Close();
            isEnd = path == "/end";
        }

        await Task.Delay(200);
    }

    private static async Task NoOpenSslAsync()
    {
        try
        {
            using var client = new HttpClient();
            await client.GetStringAsync(new Uri($"https://{Gateway}:1/"));
        }
        catch (HttpRequestException)
        {
            // Nobody listens there: TLS does not even begin.
        }

        try
        {
            global::System.Security.Cryptography.SHA256.HashData("x"u8);
        }
        catch (Exception e) when (e.ToString().Contains("OpenSsl", StringComparison.OrdinalIgnoreCase))
        {
            byte[] random = new byte[32];
            global::System.Security.Cryptography.RandomNumberGenerator.Fill(random);
            if (random.Distinct().Count() < 8)
            {
                throw new InvalidOperationException("That is not random.");
            }

            return;
        }

        throw new InvalidOperationException("A hash was computed.");
    }

    private static int Number(string commandLine, string name)
    {
        foreach (string word in commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (word.StartsWith(name + "=", StringComparison.Ordinal))
            {
                return int.Parse(word.AsSpan(name.Length + 1), CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }
}
