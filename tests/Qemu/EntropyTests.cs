using System;
using System.IO;
using System.Net.Sockets;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>QEMU's entropy device, which the kernel drives with the shortest of its drivers.</summary>
public sealed class EntropyTests : QemuTest
{
    [TestCase("on", "packed")]
    [TestCase("off", "split")]
    public void Random_bytes_are_read(string packed, string ring)
    {
        GuestOptions options = new GuestOptions().WithArguments("-device", $"virtio-rng-pci,packed={packed}");

        Transcript transcript = Run(options, "rng 0 read 32; rng 0 read 256; rng 0 read 1; selftest; exit");

        string shorter = transcript.TextOf("rng 0 read 32");
        Assert.That(transcript.Start, Has.Some.Match($"^rng0: virtio-rng at .*, {ring} ring$"));
        Assert.That(shorter, Does.Match("^[0-9a-f]{64}$").And.Not.Match("^0+$"));
        Assert.That(transcript.TextOf("rng 0 read 256"), Does.Match("^[0-9a-f]{512}$").And.Not.StartWith(shorter));
        Assert.That(transcript.TextOf("rng 0 read 1"), Does.Match("^[0-9a-f]{2}$"));
        Expect.PassedSelfTest(transcript);
    }

    [Test]
    public void A_count_out_of_range_and_a_device_that_is_not_there_are_refused()
    {
        Transcript transcript = Run(
            new GuestOptions().WithArguments("-device", "virtio-rng-pci"),
            "rng 0 read 0; rng 0 read 257; rng 1 read 1; exit",
            QemuGuest.Failure);

        Assert.That(transcript.TextOf("rng 0 read 0"), Is.EqualTo("error: COUNT is a number from 1 to 256"));
        Assert.That(transcript.TextOf("rng 0 read 257"), Is.EqualTo("error: COUNT is a number from 1 to 256"));
        Assert.That(transcript.TextOf("rng 1 read 1"), Is.EqualTo("error: there is no rng1"));
    }

    // QEMU asks its source for bytes by the protocol of the Entropy Gathering Daemon: 2, and how many.
    [Test]
    public void An_answer_that_came_too_late_does_not_keep_the_next_from_being_asked_for()
    {
        string path = Path.Combine(Folder, "egd");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        using var isAwake = new ManualResetEventSlim();
        var source = new Thread(() => Answer(listener, isAwake)) { IsBackground = true };
        source.Start();
        QemuGuest guest = Start(new GuestOptions().WithArguments(
            "-chardev", $"socket,id=source,path={path}", "-object", "rng-egd,id=random,chardev=source",
            "-device", "virtio-rng-pci,rng=random"));
        guest.WaitForPrompt();

        guest.Type("rng 0 read 4\r");
        guest.WaitForLine("^error: rng0: the device (is busy|does not answer within 10 s)$", TimeSpan.FromSeconds(40));
        isAwake.Set();
        Thread.Sleep(Deadlines.Stillness);
        guest.Type("rng 0 read 4\r");

        guest.WaitForLine("^a5a5a5a5$");
    }

    private static void Answer(Socket listener, ManualResetEventSlim isAwake)
    {
        using Socket connection = listener.Accept();
        byte[] request = new byte[2];
        while (connection.Receive(request, request.Length, SocketFlags.None) == request.Length)
        {
            isAwake.Wait();
            byte[] bytes = new byte[request[1]];
            Array.Fill(bytes, (byte)0xA5);
            connection.Send(bytes);
        }
    }
}
