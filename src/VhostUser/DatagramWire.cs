using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.VhostUser;

/// <summary>
/// The wire of a network device: each frame is a datagram of UDP or of a Unix socket, as QEMU's <c>-netdev dgram</c>
/// has them. Frames for a guest that is not ready, or too many of them, are lost, as on any wire.
/// </summary>
public sealed class DatagramWire : NetworkPeer, IDisposable
{
    private const int LongestFrame = 65600;
    private const int MostFramesAtOnce = 64;
    private const int MostWaiting = 256;

    private readonly byte[] _frame = new byte[LongestFrame];
    private readonly Socket _socket;
    private readonly EndPoint _remote;
    private readonly string? _path;

    /// <param name="local">Where frames for the guest arrive.</param>
    /// <param name="remote">Where the guest's frames go.</param>
    /// <exception cref="SocketException">The local address cannot be had.</exception>
    public DatagramWire(EndPoint local, EndPoint remote)
    {
        ArgumentNullException.ThrowIfNull(local);
        _remote = remote;
        _socket = new Socket(
            local.AddressFamily,
            SocketType.Dgram,
            local is UnixDomainSocketEndPoint ? ProtocolType.Unspecified : ProtocolType.Udp);
        if (local is UnixDomainSocketEndPoint path)
        {
            _path = path.ToString();
            File.Delete(_path!);
        }

        _socket.Bind(local);
        _socket.Blocking = false;
    }

    /// <summary>How many of the guest's frames nobody took.</summary>
    public int Lost { get; private set; }

    internal int Descriptor => (int)_socket.Handle;

    /// <summary>Reads <c>HOST:PORT</c>, or the path of a Unix socket, which has a slash.</summary>
    /// <returns>Null where it is neither.</returns>
    public static EndPoint? ParseEnd(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Contains('/', StringComparison.Ordinal) ? new UnixDomainSocketEndPoint(text)
            : IPEndPoint.TryParse(text, out IPEndPoint? end) && end.Port != 0 ? end
            : null;
    }

    /// <inheritdoc/>
    public override void OnFrame(NetDevice device, ReadOnlySpan<byte> frame)
    {
        try
        {
            _socket.SendTo(frame, _remote);
        }
        catch (SocketException)
        {
            // Nobody is there, or does not keep up.
            Lost++;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        if (_path is not null)
        {
            File.Delete(_path);
        }
    }

    /// <summary>Takes the frames that have arrived to a device.</summary>
    internal void Deliver(NetDevice device)
    {
        for (int i = 0; i < MostFramesAtOnce && _socket.Poll(0, SelectMode.SelectRead); i++)
        {
            int length;
            try
            {
                length = _socket.Receive(_frame);
            }
            catch (SocketException)
            {
                // The other end refused a frame that was sent before.
                continue;
            }

            if (length != 0 && device.IsRunning && device.Waiting < MostWaiting)
            {
                device.Receive(_frame.AsSpan(0, length));
            }
        }
    }
}
