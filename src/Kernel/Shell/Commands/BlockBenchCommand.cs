using System;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Benchmarks;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>
/// <c>blk D bench OPERATION SIZE DEPTH SECONDS [poll|hybrid]</c>: what a disk does and costs as a program sees it; and
/// <c>blk D bench DEPTH COUNT</c>: what reading 4 KB at random places costs the driver alone.
/// </summary>
internal sealed class BlockBenchCommand : DeviceCommand
{
    private const ulong MaximumCount = 100_000_000;
    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const ulong Thousand = 1000;

    private readonly SystemControl _system;
    private readonly DeviceInventory _devices;

    public BlockBenchCommand(SystemControl system, DeviceInventory devices)
        : base(
            "disk",
            "blk D bench read|write|randread|randwrite SIZE DEPTH SECONDS|COUNTx [poll|hybrid] | DEPTH COUNT",
            "measure the disk, or COUNT reads by its driver alone")
    {
        _system = system;
        _devices = devices;
    }

    /// <inheritdoc/>
    public override bool CanBeLeft => false;

    /// <inheritdoc/>
    protected override int Count(ShellContext shell) => _devices.Disks.Count;

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, int device, string[] arguments)
    {
        if (DiskWorkload.TryParse(arguments) is { } workload)
        {
            return Run(shell, _devices.Disks[device], workload);
        }

        if (arguments.Length != 2
            || !Number.TryParse(arguments[0], out ulong depth) || depth is 0 or > BlockBenchmark.MaximumDepth
            || !Number.TryParse(arguments[1], out ulong count) || count is 0 or > MaximumCount)
        {
            return CommandResult.WrongArguments;
        }

        Disk disk = _devices.Disks[device];
        BlockReadCost? cost = BlockBenchmark.TryRun(
            disk, _system, (int)depth, count, shell, out Failure? failure);
        if (cost is null)
        {
            if (shell.IsInterrupted)
            {
                return CommandResult.Interrupted;
            }

            return CommandResult.Failure(disk.Name, failure!);
        }

        TextOutput output = shell.Output;
        output.WriteLine(
            $"{disk.Name}: {cost.RingFormat} ring, {cost.Reads} reads of {BlockBenchmark.ReadLength} bytes, "
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

    private CommandResult Run(ShellContext shell, Disk disk, DiskWorkload workload)
    {
        DiskBenchmarkResult? result = DiskBenchmark.TryRun(disk, workload, _system, shell, out Failure? failure);
        if (result is null)
        {
            return failure is null ? CommandResult.Interrupted : CommandResult.Failure(disk.Name, failure);
        }

        foreach (string line in result.Describe().Split('\n'))
        {
            shell.Output.WriteLine(line);
        }

        shell.Output.WriteLine(result.ToJson());
        return CommandResult.Success;
    }

    private static string PerRead(BlockReadCost cost, ulong total)
    {
        ulong thousandths = ((total * Thousand) + (cost.Reads / 2)) / cost.Reads;
        return (thousandths / Thousand).ToString() + "." + (thousandths % Thousand).ToString("d3");
    }
}
