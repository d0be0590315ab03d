using System;
using System.Text.Json;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Kernel.Benchmarks;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class DiskBenchmarkTests
{
    [TestCase("randread 4K 32 5", BlockOperation.Read, true, 4096u, 32, 5000ul, WaitMode.Interrupt)]
    [TestCase("write 1M 1 0.25 poll", BlockOperation.Write, false, 1u << 20, 1, 250ul, WaitMode.Polled)]
    [TestCase("randwrite 512 128 1 hybrid", BlockOperation.Write, true, 512u, 128, 1000ul, WaitMode.Hybrid)]
    [TestCase("read 0x1000 2 86400", BlockOperation.Read, false, 4096u, 2, 86_400_000ul, WaitMode.Interrupt)]
    public void A_workload_is_read_from_words(
        string words, BlockOperation operation, bool isRandom, uint size, int depth, ulong milliseconds, WaitMode mode)
    {
        DiskWorkload? workload = DiskWorkload.TryParse(words.Split(' '));
        Assert.That(workload, Is.Not.Null);
        Assert.That(
            (workload!.Operation, workload.IsRandom, workload.Size, workload.Depth),
            Is.EqualTo((operation, isRandom, size, depth)));
        Assert.That((workload.Length.Milliseconds, workload.WaitMode), Is.EqualTo((milliseconds, mode)));
    }

    [Test]
    public void A_workload_can_be_a_number_of_requests()
    {
        DiskWorkload workload = DiskWorkload.TryParse(["read", "4K", "32", "20000x"])!;
        Assert.That((workload.Length.Operations, workload.Length.Milliseconds), Is.EqualTo((20_000ul, 0ul)));
    }

    [TestCase("read 4K 32 x")]
    [TestCase("read 4K 32 0x")]
    [TestCase("read 4K 32 5X")]
    [TestCase("read 4K 32 1000000001x")]
    [TestCase("randread 4K 32")]
    [TestCase("randread 4K 32 5 poll poll")]
    [TestCase("readrand 4K 32 5")]
    [TestCase("READ 4K 32 5")]
    [TestCase("read 4k 32 5")]
    [TestCase("read K 32 5")]
    [TestCase("read 0 32 5")]
    [TestCase("read 513 32 5")]
    [TestCase("read 17M 32 5")]
    [TestCase("read 18446744073709551615M 32 5")]
    [TestCase("read 4K 0 5")]
    [TestCase("read 4K 129 5")]
    [TestCase("read 4K 32 0")]
    [TestCase("read 4K 32 0.0001")]
    [TestCase("read 4K 32 -1")]
    [TestCase("read 4K 32 1e3")]
    [TestCase("read 4K 32 86401")]
    [TestCase("read 4K 32 5 interrupt")]
    [TestCase("read 4K 32 5 Polled")]
    [TestCase("32 4000")]
    public void Other_words_are_no_workload(string words) =>
        Assert.That(DiskWorkload.TryParse(words.Split(' ')), Is.Null);

    [Test]
    public void Percentiles_are_right_to_a_sixteenth()
    {
        var count = new LatencyCount();
        Assert.That(count.At(0.5), Is.Zero);
        for (ulong time = 1; time <= 100_000; time++)
        {
            count.Add(time);
        }

        foreach (double share in new[] { 0.00001, 0.001, 0.5, 0.99, 0.999, 1 })
        {
            double right = 100_000 * share;
            Assert.That((double)count.At(share), Is.InRange(right - 1, (right * 17 / 16) + 1));
        }

        count.Clear();
        count.Add(ulong.MaxValue);
        count.Add(0);
        Assert.That((count.At(0.5), count.At(1)), Is.EqualTo((0ul, ulong.MaxValue)));
    }

    [Test]
    public void A_result_is_a_line_of_json()
    {
        var result = new DiskBenchmarkResult
        {
            Disk = "disk0",
            Workload = DiskWorkload.TryParse(["randread", "4K", "32", "2"])!,
            RingFormat = "packed",
            Requests = 1000,
            Nanoseconds = 2_000_000_000,
            IsCountingInstructions = true,
            SubmitTicks = 124_000,
            NotifyTicks = 2_000,
            CompleteTicks = 68_000,
            GuestTicks = 800_000,
            Notifications = 32,
            Interrupts = 31,
            Median = 1500,
            Percentile99 = 2500,
            Percentile999 = 3500,
            Longest = 4500,
        };
        string json = result.ToJson();
        Assert.That(json, Does.Not.Contain("\n"));
        JsonElement root = JsonDocument.Parse(json).RootElement;
        Assert.That(root.GetProperty("iops").GetDouble(), Is.EqualTo(500));
        Assert.That(root.GetProperty("megabytesPerSecond").GetDouble(), Is.EqualTo(2.05).Within(0.01));
        Assert.That(root.GetProperty("driver").GetDouble(), Is.EqualTo(194));
        Assert.That(root.GetProperty("rest").GetDouble(), Is.EqualTo(606));
        Assert.That(root.GetProperty("unit").GetString(), Is.EqualTo("instructions"));
        Assert.That(root.GetProperty("nanoseconds").GetProperty("p999").GetInt32(), Is.EqualTo(3500));
        Assert.That(result.Describe().Split('\n'), Has.Length.EqualTo(7));
        Assert.That(result.Describe(), Does.Contain("notifications: 0.0320 per request").And.Contain("by interrupt"));
    }
}
