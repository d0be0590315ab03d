using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.VhostUser.Tests.Harness;

namespace VirtioGuest.VhostUser.Tests;

/// <summary>A server that is killed and started again loses no request and does none twice.</summary>
public sealed class KilledServerTests
{
    private const ulong InflightFeature = 1UL << 12;
    private const uint SetInflight = 32;
    private const int Sectors = 64;

    private DirectoryInfo _folder = null!;
    private ServerProcess? _server;
    private byte[] _place = [];
    private int _region = -1;

    private string Image => Path.Combine(_folder.FullName, "disk.img");

    private string Socket => Path.Combine(_folder.FullName, "s");

    private static int Rounds =>
        Environment.GetEnvironmentVariable("VIRTIOGUEST_NIGHTLY") == "1" ? 60 : 3;

    [SetUp]
    public void MakeDisk()
    {
        _folder = Directory.CreateTempSubdirectory("vg-");
        _region = -1;
        File.WriteAllBytes(Image, new byte[Sectors * 512]);
    }

    [TearDown]
    public void Remove()
    {
        Kill();
        Descriptors.Close(_region);
        _folder.Delete(recursive: true);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Requests_in_flight_are_done_by_the_server_that_comes_after(bool isPacked)
    {
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        RingDriver driver = new(memory, isPacked);
        Random random = new(isPacked ? 1 : 2);
        byte[] written = new byte[Sectors];
        int sent = 0;
        for (int round = 0; round <= Rounds; round++)
        {
            using FrontEnd front = Connect(memory, isPacked);

            // QEMU knows no more of a packed ring whose back end has died than where it began.
            driver.Open(front);
            front.Kick(0);
            driver.Await(sent);
            long end = Stopwatch.GetTimestamp() + (random.Next(1, 200) * Stopwatch.Frequency / 1000);
            while (round < Rounds && Stopwatch.GetTimestamp() < end)
            {
                Send(1 + random.Next(4), isAwaited: true);
            }

            // The last ones are on their way, taken, done or told of when it dies.
            Send(4, isAwaited: false);
            if (round == Rounds)
            {
                driver.Await(sent);
            }
            else
            {
                Thread.SpinWait(random.Next(200_000));
                Kill();
            }

            void Send(int count, bool isAwaited)
            {
                for (int i = 0; i < count; i++)
                {
                    int sector = random.Next(Sectors);
                    written[sector] = (byte)random.Next(1, 256);
                    driver.Add(RingDriver.Out, (ulong)sector, written[sector]);
                    sent++;
                }

                front.Kick(0);
                if (isAwaited)
                {
                    driver.Await(sent);
                }
            }
        }

        Assert.That(driver.Completed, Is.EqualTo(sent), "each request came back once");
        byte[] content = File.ReadAllBytes(Image);
        for (int sector = 0; sector < Sectors; sector++)
        {
            Assert.That(
                content.AsSpan(sector * 512, 512).ContainsAnyExcept(written[sector]), Is.False, $"sector {sector}");
        }
    }

    /// <summary>Nobody knows whether the one that was killed came to tell of what it had done.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void The_server_that_comes_after_tells_of_what_was_used(bool isPacked)
    {
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        RingDriver driver = new(memory, isPacked);
        using (FrontEnd front = Connect(memory, isPacked))
        {
            driver.Open(front);
            driver.Add(RingDriver.Out, 3, 7);
            front.Kick(0);
            driver.Await(1);
            Kill();
        }

        using FrontEnd next = Connect(memory, isPacked);
        driver.Open(next);
        Assert.That(() => next.TakeCalls(0), Is.EqualTo(1).After(10_000, 1));
    }

    /// <summary>Starts a server, with the region of requests in flight that the first has made.</summary>
    private FrontEnd Connect(SharedMemoryFile memory, bool isPacked)
    {
        Kill();
        _server = new ServerProcess(Image, Socket);
        FrontEnd front = new(Socket, memory);
        front.Start(FeatureBit.Version1 | (isPacked ? FeatureBit.RingPacked : 0), InflightFeature);
        if (_region < 0)
        {
            (_place, _region) = front.AskInflight(queues: 1, size: RingDriver.Size);
        }

        front.Command(SetInflight, _place, _region);
        return front;
    }

    private void Kill()
    {
        _server?.Dispose();
        _server = null;
    }
}
