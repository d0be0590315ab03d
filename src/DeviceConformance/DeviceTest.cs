using System;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.DeviceConformance;

/// <summary>One thing that a device has to do, and how to find out whether it does.</summary>
public sealed class DeviceTest
{
    private readonly Action<DeviceBench> _body;

    /// <param name="id">Its name among all tests: area and what is tested, for example <c>ring.length</c>.</param>
    /// <param name="title">What the device does when it passes, as a short sentence.</param>
    /// <param name="clause">Where the specification says so, for example <c>2.7.8.2</c>.</param>
    /// <param name="body">Tests it; <see cref="DeviceBench"/> has what ends a test otherwise than by passing.</param>
    internal DeviceTest(string id, string title, string clause, Action<DeviceBench> body)
    {
        Id = id;
        Title = title;
        Clause = clause;
        _body = body;
    }

    /// <summary>Its name among all tests.</summary>
    public string Id { get; }

    /// <summary>What the device does when it passes.</summary>
    public string Title { get; }

    /// <summary>The section of virtio 1.4 that asks for it.</summary>
    public string Clause { get; }

    /// <summary>How strongly it is asked for.</summary>
    public RequirementLevel Level { get; internal init; } = RequirementLevel.Must;

    /// <summary>The type of device that it is for; <see cref="DeviceTypes.None"/> for all.</summary>
    public ushort DeviceType { get; internal init; } = DeviceTypes.None;

    /// <summary>Whether it is run on each form of the rings that the device takes.</summary>
    public bool IsPerForm { get; internal init; }

    /// <summary>Whether it changes what is stored in the device.</summary>
    public bool IsDestructive { get; internal init; }

    internal void Run(DeviceBench bench) => _body(bench);
}

/// <summary>How strongly something is asked for.</summary>
public enum RequirementLevel
{
    /// <summary>The specification says MUST, or SHALL.</summary>
    Must,

    /// <summary>The specification says SHOULD.</summary>
    Should,

    /// <summary>
    /// The specification leaves it open what becomes of a driver that breaks a rule. A device has to survive it: a
    /// reset makes it work again.
    /// </summary>
    Robustness,
}

/// <summary>How a test ended.</summary>
public enum DeviceVerdict
{
    /// <summary>The device does what is asked for.</summary>
    Pass,

    /// <summary>It does not.</summary>
    Fail,

    /// <summary>It stopped answering. It was reset, and the run goes on.</summary>
    Wedged,

    /// <summary>It was not tested, for the reason given.</summary>
    Skip,
}

/// <summary>What one run of a test found.</summary>
/// <param name="Test">The test.</param>
/// <param name="Form">The form of the rings, for example <c>packed</c>; empty where it is of no account.</param>
/// <param name="Verdict">How it ended.</param>
/// <param name="Evidence">Why, in one line, unless it passed.</param>
public readonly record struct DeviceResult(DeviceTest Test, string Form, DeviceVerdict Verdict, string Evidence)
{
    /// <summary>The test and the form, as they are shown.</summary>
    public string Name => Test.Id + (Form.Length == 0 ? "" : " (" + Form + ")");
}

/// <summary>Ends a test.</summary>
internal sealed class TestEnd(DeviceVerdict verdict, string evidence) : Exception(evidence)
{
    /// <summary>How it ends.</summary>
    public DeviceVerdict Verdict { get; } = verdict;
}
