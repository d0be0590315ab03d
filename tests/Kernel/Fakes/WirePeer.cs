using System;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>
/// A host on the wire of a card: answers ARP, sends datagrams to its port 7 back (RFC 862), and answers each to port 19
/// with a number of its own (in the manner of RFC 864).
/// </summary>
internal sealed class WirePeer : NetworkPeer
{
    /// <summary>Its address is 10.0.0.1.</summary>
    public const string Address = "10.0.0.1";

    private const int Echo = 7;
    private const int Generator = 19;
    private const int Answers = 48;

    private static readonly byte[] s_station = [0x02, 0, 0, 0, 0, 0x0A];

    /// <summary>How many datagrams have come to other ports.</summary>
    public int Discarded { get; private set; }

    /// <summary>How many datagrams are not sent back any more, each time so many were.</summary>
    public int LosesEvery { get; set; } = int.MaxValue;

    private int _echoed;

    /// <inheritdoc/>
    public override void OnFrame(NetDevice device, ReadOnlySpan<byte> frame)
    {
        bool isArp = frame[12] == 0x08 && frame[13] == 0x06;
        if (isArp && frame[21] == 1 && frame[41] == 1)
        {
            device.Receive(ArpReply(frame));
        }
        else if (!isArp && frame[12] == 0x08 && frame[23] == 17)
        {
            OnDatagram(device, frame, (frame[36] << 8) | frame[37]);
        }
    }

    private void OnDatagram(NetDevice device, ReadOnlySpan<byte> frame, int port)
    {
        byte[] back = Back(frame);
        if (port == Echo)
        {
            if (++_echoed % LosesEvery != 0)
            {
                device.Receive(back);
            }
        }
        else if (port == Generator)
        {
            for (int i = 0; i < Answers; i++)
            {
                device.Receive(back);
            }
        }
        else
        {
            Discarded++;
        }
    }

    // Both ends change places, which leaves the sums as they are.
    private static byte[] Back(ReadOnlySpan<byte> frame)
    {
        byte[] back = frame.ToArray();
        frame.Slice(6, 6).CopyTo(back);
        s_station.CopyTo(back, 6);
        frame.Slice(26, 4).CopyTo(back.AsSpan(30));
        frame.Slice(30, 4).CopyTo(back.AsSpan(26));
        frame.Slice(34, 2).CopyTo(back.AsSpan(36));
        frame.Slice(36, 2).CopyTo(back.AsSpan(34));
        return back;
    }

    private static byte[] ArpReply(ReadOnlySpan<byte> request)
    {
        byte[] reply = request.ToArray();
        request.Slice(6, 6).CopyTo(reply);
        s_station.CopyTo(reply, 6);
        reply[21] = 2;
        s_station.CopyTo(reply, 22);
        request.Slice(38, 4).CopyTo(reply.AsSpan(28));
        request.Slice(22, 10).CopyTo(reply.AsSpan(32));
        return reply;
    }
}
