using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.VhostUser.Tests.Harness;

namespace VirtioGuest.VhostUser.Tests;

/// <summary>Whatever a front end says, the server goes on and nothing of the image is lost.</summary>
public sealed class ServerTests
{
    private const ulong Features = FeatureBit.Version1;

    [Test]
    public void An_interrupt_that_had_nowhere_to_go_is_sent_when_it_has()
    {
        using BackEnd back = new();
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using FrontEnd front = new(back.Socket, memory);
        front.Start(Features);
        RingDriver driver = new(memory, isPacked: false);
        driver.Open(front);
        front.Command(13, FrontEnd.Number(1UL << 8));
        driver.Add(RingDriver.In, 0);
        front.Kick(0);
        driver.Await(1);

        front.SendCall(0);

        Assert.That(front.TakeCalls(0), Is.EqualTo(1));
    }

    [Test]
    public void An_interrupt_that_nobody_took_goes_to_the_descriptor_that_comes_after_it()
    {
        using BackEnd back = new();
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using FrontEnd front = new(back.Socket, memory);
        front.Start(Features);
        RingDriver driver = new(memory, isPacked: false);
        driver.Open(front);
        front.SendCallOf(0, 1);
        driver.Add(RingDriver.In, 0);
        front.Kick(0);
        driver.Await(1);

        front.SendCall(0);

        Assert.That(front.TakeCalls(0), Is.EqualTo(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Memory_that_is_not_in_its_file_is_refused_and_the_next_front_end_is_served(bool isPacked)
    {
        using BackEnd back = new();
        byte[] before = back.Content();
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, memory))
        {
            Assert.That(() => front.ShareMemory(FrontEnd.MemoryLength + 1), Throws.InstanceOf<IOException>());
        }

        Serve(back, isPacked);
        Assert.That(back.Lines, Has.Some.Contain("let go").And.Contain("262144 bytes"));
        Assert.That(back.Content().AsSpan(512).SequenceEqual(before.AsSpan(512)), Is.True);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_queue_outside_the_memory_is_refused_and_the_next_front_end_is_served(bool isPacked)
    {
        using BackEnd back = new();
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, memory))
        {
            front.Start(Features | (isPacked ? FeatureBit.RingPacked : 0));
            ulong outside = FrontEnd.GuestBase + FrontEnd.MemoryLength;
            Assert.That(
                () => front.StartQueue(0, 16, outside, RingDriver.DriverArea, RingDriver.DeviceArea, 0),
                Throws.InstanceOf<IOException>());
        }

        Serve(back, isPacked);
        Assert.That(back.Lines, Has.Some.Contain("let go").And.Contain("is not shared"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_buffer_outside_the_memory_ends_the_queue_and_the_image_is_as_it_was(bool isPacked)
    {
        using BackEnd back = new();
        byte[] before = back.Content();
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, memory))
        {
            front.Start(Features | (isPacked ? FeatureBit.RingPacked : 0));
            RingDriver driver = new(memory, isPacked) { DataAddress = FrontEnd.GuestBase + FrontEnd.MemoryLength };
            driver.Open(front);
            driver.Add(RingDriver.Out, 0, 7);
            front.Kick(0);
            Assert.That(front.IsLetGo(), Is.True);
        }

        Assert.That(back.Content().AsSpan().SequenceEqual(before), Is.True);
        Serve(back, isPacked);
        Assert.That(back.Lines, Has.Some.Contain("let go").And.Contain("BufferUnreachable"));
    }

    [TestCase(1)]
    [TestCase(11)]
    [TestCase(12)]
    [TestCase(19)]
    public void A_front_end_that_dies_within_a_message_is_let_go(int length)
    {
        using BackEnd back = new();
        byte[] message = [2, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, memory))
        {
            front.SendRaw(message.AsSpan(0, length));
        }

        Serve(back, isPacked: true);
        Assert.That(back.Lines.Count(line => line.Contains("let go", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void What_a_front_end_wrote_that_died_is_there_and_nothing_else(bool isPacked)
    {
        using BackEnd back = new();
        byte[] before = back.Content();
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, memory))
        {
            front.Start(Features | (isPacked ? FeatureBit.RingPacked : 0));
            RingDriver driver = new(memory, isPacked);
            driver.Open(front);
            for (ulong sector = 4; sector < 8; sector++)
            {
                driver.Add(RingDriver.Out, sector, (byte)sector);
            }

            front.Kick(0);
            driver.Await(1);
        }

        Serve(back, isPacked);
        byte[] after = back.Content();
        for (int sector = 0; sector < BackEnd.Sectors; sector++)
        {
            byte[] old = before[(sector * 512)..((sector + 1) * 512)];
            byte[] now = after[(sector * 512)..((sector + 1) * 512)];
            bool isNew = Array.TrueForAll(now, value => value == sector);
            Assert.That(
                sector == 0 || now.SequenceEqual(old) || (sector is >= 4 and < 8 && isNew), Is.True, $"{sector}");
        }

        Assert.That(after.AsSpan(4 * 512, 512).ContainsAnyExcept((byte)4), Is.False, "what was answered is there");
    }

    [Test]
    public void Nonsense_in_every_field_of_every_message_ends_the_connection_or_is_taken()
    {
        using BackEnd back = new();
        byte[] before = back.Content();
        Random random = new(7);
        for (int round = 0; round < 300; round++)
        {
            using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
            using FrontEnd front = new(back.Socket, memory);
            byte[] payload = new byte[random.Next(48)];
            random.NextBytes(payload);
            byte[] head = new byte[12];
            head[0] = (byte)random.Next(1, 45);
            head[4] = (byte)(random.Next(4) == 0 ? random.Next(256) : 9);
            head[8] = (byte)payload.Length;
            front.SendRaw([.. head, .. payload]);
        }

        Serve(back, isPacked: true);
        Assert.That(back.Content().AsSpan(512).SequenceEqual(before.AsSpan(512)), Is.True);
    }

    /// <summary>A right front end finds the disk as it was, and can write sector 0.</summary>
    private static void Serve(BackEnd back, bool isPacked)
    {
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using FrontEnd front = new(back.Socket, memory);
        front.Start(Features | (isPacked ? FeatureBit.RingPacked : 0));
        RingDriver driver = new(memory, isPacked);
        driver.Open(front);
        int request = driver.Add(RingDriver.Out, 0, 0xA5);
        front.Kick(0);
        driver.Await(1);
        Assert.That(driver.StatusOf(request), Is.Zero);
        Assert.That(back.Content()[0], Is.EqualTo(0xA5));
    }
}
