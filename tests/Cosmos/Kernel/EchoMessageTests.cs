using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Kernel.Network;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>Echo requests as they go out, and what counts as a reply to one.</summary>
public sealed class EchoMessageTests
{
    private static readonly byte[] s_payload = [0xAB, 0xCD, 0xEF];

    [Test]
    public void A_request_has_type_checksum_identifier_sequence_and_payload() =>
        Assert.That(EchoMessage.MakeRequest(0x0102, s_payload), Is.EqualTo(new byte[]
        {
            8, 0, 0x05, 0xE8, 0x56, 0x47, 0x01, 0x02, 0xAB, 0xCD, 0xEF,
        }));

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(56)]
    [TestCase(1472)]
    public void The_answer_of_a_host_to_a_request_is_a_reply(int length)
    {
        byte[] payload = [.. Enumerable.Range(0, length).Select(each => (byte)(each * 3))];
        byte[] request = EchoMessage.MakeRequest(7, payload);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(EchoMessage.IsReply(Frame(Answer(request)), 7, payload), Is.True);
            Assert.That(EchoMessage.IsReply(Frame(Answer(request), options: 8), 7, payload), Is.True);
            Assert.That(EchoMessage.IsReply([.. Frame(Answer(request)), 0, 0, 0], 7, payload), Is.True);
        }
    }

    [Test]
    public void A_request_is_no_reply() =>
        Assert.That(EchoMessage.IsReply(Frame(EchoMessage.MakeRequest(7, s_payload)), 7, s_payload), Is.False);

    [Test]
    public void A_reply_to_another_request_is_none() =>
        Assert.That(EchoMessage.IsReply(Frame(Answer(EchoMessage.MakeRequest(8, s_payload))), 7, s_payload), Is.False);

    [Test]
    public void A_reply_with_another_payload_is_none([Values(2, 3, 4)] int length)
    {
        byte[] other = [.. new byte[length].Select((_, index) => (byte)(0x10 + index))];

        Assert.That(EchoMessage.IsReply(Frame(Answer(EchoMessage.MakeRequest(7, other))), 7, s_payload), Is.False);
    }

    [Test]
    public void A_reply_with_any_byte_of_its_message_changed_is_none([Range(0, 10)] int position)
    {
        byte[] message = Answer(EchoMessage.MakeRequest(7, s_payload));
        message[position] ^= 0x40;

        Assert.That(EchoMessage.IsReply(Frame(message), 7, s_payload), Is.False);
    }

    [Test]
    public void A_frame_that_ends_early_is_no_reply([Range(0, 44)] int length) =>
        Assert.That(
            EchoMessage.IsReply(Frame(Answer(EchoMessage.MakeRequest(7, s_payload)))[..length], 7, s_payload),
            Is.False);

    [TestCase(0x40)]
    [TestCase(0x44)]
    [TestCase(0x4F)]
    public void An_impossible_header_length_is_no_reply(int versionAndLength)
    {
        byte[] frame = Frame(Answer(EchoMessage.MakeRequest(7, s_payload)));
        frame[14] = (byte)versionAndLength;

        Assert.That(EchoMessage.IsReply(frame, 7, s_payload), Is.False);
    }

    /// <summary>What a host that is asked answers: the type is another one, and so is the checksum.</summary>
    private static byte[] Answer(byte[] request)
    {
        byte[] reply = [.. request];
        reply[0] = 0;
        uint sum = (uint)(((reply[2] << 8) | reply[3]) + 0x0800);
        sum = (sum & 0xFFFF) + (sum >> 16);
        reply[2] = (byte)(sum >> 8);
        reply[3] = (byte)sum;
        return reply;
    }

    private static byte[] Frame(byte[] message, int options = 0)
    {
        int length = 20 + options + message.Length;
        byte[] header = new byte[20 + options];
        header[0] = (byte)(0x40 | (header.Length / 4));
        header[2] = (byte)(length >> 8);
        header[3] = (byte)length;
        header[9] = 1;
        return [.. new byte[14], .. header, .. message];
    }
}
