using System;
using VirtioGuest.Kernel.Benchmarks;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>blk D bench DEPTH COUNT</c>: what reading 4 KB at random places costs.</summary>
internal sealed class BlockBenchCommand : BlockCommand
{
    private const ulong MaximumCount = 100_000_000;
    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const ulong Thousand = 1000;

    /// <summary>Creates the command.</summary>
    public BlockBenchCommand()
        : base("bench", "DEPTH COUNT", "measure COUNT reads of 4096 bytes, DEPTH at a time")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, Disk device, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 2
            || !Number.TryParse(arguments[0], out ulong depth) || depth is 0 or > BlockBenchmark.MaximumDepth
            || !Number.TryParse(arguments[1], out ulong count) || count is 0 or > MaximumCount)
        {
            return CommandResult.WrongArguments;
        }

        if (device is not VirtioDisk disk)
        {
            return CommandResult.Failure(device.Name + ": is no virtio device");
        }

        BlockReadCost? cost = BlockBenchmark.TryRun(
            disk.Device, shell.System, (int)depth, count, out string failure);
        if (cost is null)
        {
            return CommandResult.Failure(device.Name + ": " + failure);
        }

        TextOutput output = shell.Output;
        output.WriteLine(
            $"{device.Name}: {cost.RingFormat} ring, {cost.Reads} reads of {BlockBenchmark.ReadLength} bytes, "
            + $"{depth} at a time");
        output.WriteLine(
            "driver: " + PerRead(cost, cost.DriverTicks) + " ticks per read, of them "
            + PerRead(cost, cost.SubmitTicks) + " to submit, " + PerRead(cost, cost.NotifyTicks) + " to notify, "
            + PerRead(cost, cost.CompleteTicks) + " to complete");
        output.WriteLine("guest: " + PerRead(cost, cost.GuestTicks) + " ticks per read");
        output.WriteLine("notifications: " + PerRead(cost, cost.Notifications) + " per read");
        output.WriteLine("interrupts: " + PerRead(cost, cost.Interrupts) + " per read");
        output.WriteLine(
            "rate: " + (cost.Reads * NanosecondsPerSecond / Math.Max(cost.Nanoseconds, 1)).ToString()
            + " reads per second");
        return CommandResult.Success;
    }

    private static string PerRead(BlockReadCost cost, ulong total)
    {
        ulong thousandths = ((total * Thousand) + (cost.Reads / 2)) / cost.Reads;
        return (thousandths / Thousand).ToString() + "." + (thousandths % Thousand).ToString("d3");
    }
}
