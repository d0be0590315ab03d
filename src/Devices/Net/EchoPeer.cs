using System;
using System.Buffers.Binary;

namespace VirtioGuest.Devices.Net;

/// <summary>
/// A neighbour that has every address of IPv4 which is asked for, and sends pings and datagrams back: enough for a
/// guest that is to send and to receive, without any right or network on the machine.
/// </summary>
public sealed class EchoPeer : NetworkPeer
{
    private const int LinkHeader = 14;
    private const ushort Arp = 0x0806;
    private const ushort IPv4 = 0x0800;
    private const int ArpLength = LinkHeader + 28;
    private const byte Icmp = 1;
    private const byte Udp = 17;

    private static readonly byte[] s_address = [0x52, 0x54, 0, 0, 0, 1];

    /// <inheritdoc/>
    public override void OnFrame(NetDevice device, ReadOnlySpan<byte> frame)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (frame.Length < LinkHeader)
        {
            return;
        }

        byte[]? answer = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) switch
        {
            Arp => AnswerArp(frame),
            IPv4 => Echo(frame),
            _ => null,
        };
        if (answer is not null)
        {
            frame.Slice(6, 6).CopyTo(answer);
            s_address.CopyTo(answer, 6);
            device.Receive(answer);
        }
    }

    private static byte[]? AnswerArp(ReadOnlySpan<byte> frame)
    {
        const int Operation = 20;
        const int Sender = 22;
        const int SenderAddress = 28;
        const int Target = 32;
        const int TargetAddress = 38;
        if (frame.Length < ArpLength || BinaryPrimitives.ReadUInt16BigEndian(frame[Operation..]) != 1)
        {
            return null;
        }

        ReadOnlySpan<byte> asker = frame.Slice(SenderAddress, 4);
        ReadOnlySpan<byte> wanted = frame.Slice(TargetAddress, 4);
        if (asker.SequenceEqual(wanted) || !asker.ContainsAnyExcept((byte)0))
        {
            // Somebody looks whether its own address is taken.
            return null;
        }

        byte[] answer = frame.ToArray();
        answer[Operation + 1] = 2;
        frame.Slice(Sender, 10).CopyTo(answer.AsSpan(Target));
        s_address.CopyTo(answer, Sender);
        wanted.CopyTo(answer.AsSpan(SenderAddress));
        return answer;
    }

    /// <summary>Sends back what its sums still fit when its addresses are exchanged.</summary>
    private static byte[]? Echo(ReadOnlySpan<byte> frame)
    {
        const int Source = LinkHeader + 12;
        const int Destination = LinkHeader + 16;
        int header = frame.Length > LinkHeader ? 4 * (frame[LinkHeader] & 15) : 0;
        int at = LinkHeader + header;
        if (header < 20 || frame.Length < at + 8 || (frame[Destination] >= 224))
        {
            return null;
        }

        byte[] answer = frame.ToArray();
        frame.Slice(Source, 4).CopyTo(answer.AsSpan(Destination));
        frame.Slice(Destination, 4).CopyTo(answer.AsSpan(Source));
        switch (frame[LinkHeader + 9])
        {
            case Icmp when frame[at] == 8:
                // A reply has type 0, and a sum that is larger by the 8 of the request.
                answer[at] = 0;
                uint sum = BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 2)..]) + 0x800u;
                BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(at + 2), (ushort)(sum + (sum >> 16)));
                return answer;
            case Udp:
                frame.Slice(at, 2).CopyTo(answer.AsSpan(at + 2));
                frame.Slice(at + 2, 2).CopyTo(answer.AsSpan(at));
                return answer;
            default:
                return null;
        }
    }
}
