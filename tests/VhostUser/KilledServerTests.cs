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
    private const int Sectors = 64;

    private DirectoryInfo _folder = null!;
    private Process? _server;

    private string Image => Path.Combine(_folder.FullName, "disk.img");

    private string Socket => Path.Combine(_folder.FullName, "s");

    private static int Rounds =>
        Environment.GetEnvironmentVariable("VIRTIOGUEST_NIGHTLY") == "1" ? 60 : 3;

    [SetUp]
    public void MakeDisk()
    {
        _folder = Directory.CreateTempSubdirectory("vg-");
        File.WriteAllBytes(Image, new byte[Sectors * 512]);
    }

    [TearDown]
    public void Remove()
    {
        Kill();
        _folder.Delete(recursive: true);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Requests_in_flight_are_done_by_the_server_that_comes_after(bool isPacked)
    {
        ulong features = FeatureBit.Version1 | (isPacked ? FeatureBit.RingPacked : 0);
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        RingDriver driver = new(memory, isPacked);
        Random random = new(isPacked ? 1 : 2);
        byte[] written = new byte[Sectors];
        int sent = 0;
        int region = -1;
        byte[] place = [];
        for (int round = 0; round <= Rounds; round++)
        {
            StartServer();
            using FrontEnd front = new(Socket, memory);
            front.Start(features, InflightFeature);
            if (round == 0)
            {
                (place, region) = front.AskInflight(queues: 1, size: RingDriver.Size);
            }

            front.Command(32, place, region);

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

        Descriptors.Close(region);
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
        (byte[] place, int region) = ([], -1);
        for (int life = 0; life < 2; life++)
        {
            StartServer();
            using FrontEnd front = new(Socket, memory);
            front.Start(FeatureBit.Version1 | (isPacked ? FeatureBit.RingPacked : 0), InflightFeature);
            if (life == 0)
            {
                (place, region) = front.AskInflight(queues: 1, size: RingDriver.Size);
            }

            front.Command(32, place, region);
            driver.Open(front);
            if (life == 0)
            {
                driver.Add(RingDriver.Out, 3, 7);
                front.Kick(0);
                driver.Await(1);
                Kill();
            }
            else
            {
                Assert.That(() => front.TakeCalls(0), Is.EqualTo(1).After(10_000, 1));
            }
        }

        Descriptors.Close(region);
    }

    private void StartServer()
    {
        Kill();
        _server = Process.Start(new ProcessStartInfo(
            "dotnet",
            [
                Path.Combine(TestContext.CurrentContext.TestDirectory, "VirtioGuest.DeviceServer.dll"),
                "blk", Image, "--socket", Socket,
            ])
        {
            RedirectStandardOutput = true,
        })!;
        while (_server.StandardOutput.ReadLine() is string line)
        {
            if (line.StartsWith("serving", StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail("the server did not start");
    }

    private void Kill()
    {
        if (_server is not null)
        {
            _server.Kill();
            _server.WaitForExit();
            _server.Dispose();
            _server = null;
        }
    }
}
