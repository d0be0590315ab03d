using System;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// A server on the host, which guests reach at QEMU's gateway: sends everything back after an <c>E</c>, and answers
/// requests of HTTP.
/// </summary>
public sealed class HostPeer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    /// <summary>Listens from now on.</summary>
    public HostPeer()
    {
        _listener.Start(256);
        _ = ServeAsync();
    }

    /// <summary>The port.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many bytes were sent back.</summary>
    public long Echoed { get; private set; }

    /// <summary>Ends it.</summary>
    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = AnswerAsync(client);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                byte[] buffer = new byte[64 * 1024];
                if (await stream.ReadAsync(buffer.AsMemory(0, 1)) == 0)
                {
                    return;
                }

                if (buffer[0] == 'E')
                {
                    await EchoAsync(stream, buffer);
                    return;
                }

                await AnswerRequestsAsync(stream, "" + (char)buffer[0]);
            }
            catch (System.IO.IOException)
            {
                // The guest has gone: what it says tells why.
            }
        }
    }

    private async Task EchoAsync(NetworkStream stream, byte[] buffer)
    {
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
        {
            await stream.WriteAsync(buffer.AsMemory(0, count));
            Echoed += count;
        }
    }

    private static async Task AnswerRequestsAsync(NetworkStream stream, string begun)
    {
        string text = begun;
        byte[] buffer = new byte[4096];
        while (true)
        {
            int end;
            while ((end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0)
            {
                int count = await stream.ReadAsync(buffer);
                if (count == 0)
                {
                    return;
                }

                text += Encoding.ASCII.GetString(buffer, 0, count);
            }

            string body = $"hello from the host to {text.Split(' ')[1]}";
            text = text[(end + 4)..];
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        }
    }
}
