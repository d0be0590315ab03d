using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Pci;

namespace VirtioGuest.DeviceConformance;

/// <summary>
/// Judges a device by what the specification asks of it: brings it up again and again, looks at what it does, and
/// names the clause where it does something else.
/// </summary>
public sealed class DeviceJudge
{
    private static readonly DeviceTest[] s_all =
    [
        .. GeneralTests.All, .. PciTests.All, .. RingTests.All, .. BlockTests.All, .. NetTests.All, .. EntropyTests.All,
        .. RobustnessTests.All,
    ];

    private readonly VirtioTransport _transport;
    private readonly DeviceBench _bench;

    /// <summary>Prepares to judge a device.</summary>
    /// <param name="transport">The way to it. Nobody else drives it until the last test has ended.</param>
    /// <param name="function">The function, where it is on PCI; some tests are about its registers.</param>
    public DeviceJudge(VirtioTransport transport, PciFunction? function)
    {
        _transport = transport;
        _bench = new DeviceBench(
            transport, function is null ? null : PciRegisters.TryMap(transport.Machine, function));
    }

    /// <summary>All tests, in the order in which they are run.</summary>
    public static ReadOnlySpan<DeviceTest> Tests => s_all;

    /// <summary>
    /// Whether the device did not confirm a reset, so that its memory was given up and it cannot be tested any more.
    /// </summary>
    public bool IsLost => _bench.IsLost;

    /// <summary>
    /// Lists the runs that there are for the device: each test, on each form of rings that it is for.
    /// </summary>
    /// <param name="only">What the IDs of the tests begin with; nothing for all.</param>
    public List<DeviceRun> Plan(ReadOnlySpan<string> only)
    {
        List<RingForm> forms = FindForms();
        List<DeviceRun> runs = [];
        foreach (DeviceTest test in s_all)
        {
            bool isForType = test.DeviceType == DeviceTypes.None || test.DeviceType == _transport.DeviceType;
            if (!isForType || !IsMeant(test, only))
            {
                continue;
            }

            if (!test.IsPerForm)
            {
                runs.Add(new DeviceRun(test, forms[0], ""));
                continue;
            }

            foreach (RingForm form in forms)
            {
                runs.Add(new DeviceRun(test, form, form.Name));
            }
        }

        return runs;
    }

    /// <summary>
    /// Runs a test. Whatever the device does, the run ends in bounded time, and the device is reset.
    /// </summary>
    /// <param name="run">The test, and the form of the rings.</param>
    /// <param name="permission">What it may do besides asking what every driver asks.</param>
    public DeviceResult Run(DeviceRun run, DevicePermission permission)
    {
        if (run.Test.IsDestructive && (permission & DevicePermission.Destroy) == 0)
        {
            return Result(run, DeviceVerdict.Skip, "would change what is stored in the device");
        }

        if (run.Test.Level == RequirementLevel.Robustness && (permission & DevicePermission.BreakRules) == 0)
        {
            return Result(run, DeviceVerdict.Skip, "would break a rule for drivers");
        }

        if (_bench.IsLost)
        {
            return Result(run, DeviceVerdict.Skip, "the device does not confirm a reset");
        }

        DeviceResult result = Result(run, DeviceVerdict.Pass, "");
        try
        {
            _bench.Form = run.Form;
            _bench.Begin();
            run.Test.Run(_bench);
        }
        catch (TestEnd end)
        {
            result = Result(run, end.Verdict, end.Message);
        }

        _bench.End();
        return _bench.IsLost && result.Verdict is DeviceVerdict.Pass or DeviceVerdict.Skip
            ? Result(run, DeviceVerdict.Wedged, "does not confirm a reset")
            : result;
    }

    private static DeviceResult Result(DeviceRun run, DeviceVerdict verdict, string evidence) =>
        new(run.Test, run.FormName, verdict, evidence);

    private static bool IsMeant(DeviceTest test, ReadOnlySpan<string> only)
    {
        foreach (string start in only)
        {
            if (test.Id.StartsWith(start, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return only.IsEmpty;
    }

    /// <summary>The forms of rings that the device offers and takes.</summary>
    private List<RingForm> FindForms()
    {
        // What is wrong with the device already here, the tests will say.
        List<RingForm> taken = [];
        var bench = new DeviceBench(_transport, null);
        try
        {
            bench.Begin();
            foreach (RingForm form in RingForm.OfferedBy(bench.Offered))
            {
                bench.Form = form;
                if (bench.TryNegotiate(bench.Wanted()))
                {
                    taken.Add(form);
                }

                bench.Reset();
            }
        }
        catch (TestEnd)
        {
            taken.Clear();
        }

        bench.End();
        return taken.Count != 0 ? taken : RingForm.OfferedBy(Features.None);
    }
}

/// <summary>What tests may do besides asking what every driver asks.</summary>
[Flags]
public enum DevicePermission
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Change what is stored in the device.</summary>
    Destroy = 1,

    /// <summary>Do what no driver may, which a monitor may not survive.</summary>
    BreakRules = 2,

    /// <summary>All of that.</summary>
    All = Destroy | BreakRules,
}

/// <summary>A test on one form of the rings.</summary>
public sealed class DeviceRun
{
    internal DeviceRun(DeviceTest test, RingForm form, string formName)
    {
        Test = test;
        Form = form;
        FormName = formName;
    }

    /// <summary>The test.</summary>
    public DeviceTest Test { get; }

    /// <summary>What the form is called; empty where it is of no account.</summary>
    public string FormName { get; }

    internal RingForm Form { get; }
}
