using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Tests;

public class OperationCommandTests
{
    private Device _device = null!;
    private CommandBench _bench = null!;

    [SetUp]
    public void Create()
    {
        _device = new Device();
        _bench = new CommandBench(
            ofDrivers:
            [
                new OperationCommand("pump", "fill", "LITRES", 100, "fill"),
                new OperationCommand("pump", "drain", null, 0, "drain"),
            ]);
        _bench.Context.OtherDevices = [_device];
    }

    [TestCase("pump 0 fill 100", "fill 100 is done")]
    [TestCase("pump 0 fill 1", "fill 1 is done")]
    [TestCase("pump 0 drain", "drain 0 is done")]
    public void Operation_is_asked_with_its_argument(string command, string said) =>
        Assert.That(_bench.Run(command), Is.EqualTo(said));

    [TestCase("pump 0 fill", "usage: pump N fill LITRES")]
    [TestCase("pump 0 fill 1 2", "usage: pump N fill LITRES")]
    [TestCase("pump 0 fill much", "usage: pump N fill LITRES")]
    [TestCase("pump 0 drain 1", "usage: pump N drain")]
    [TestCase("pump 0 fill 0", "error: LITRES is a number from 1 to 100")]
    [TestCase("pump 0 fill 101", "error: LITRES is a number from 1 to 100")]
    [TestCase("pump 1 drain", "error: there is no pump1")]
    public void Anything_else_is_refused_and_not_asked(string command, string said)
    {
        Assert.That(_bench.Run(command), Is.EqualTo(said));
        Assert.That(_device.Asked, Is.Empty);
    }

    [Test]
    public void Failure_is_a_sentence_about_the_device()
    {
        _device.Failure = new Failure("leaks");
        Assert.That(_bench.Run("pump 0 drain"), Is.EqualTo("error: pump0: the device leaks"));
        _device.Failure = new Failure("there is no water", isSentence: true);
        Assert.That(_bench.Run("pump 0 drain"), Is.EqualTo("error: pump0: there is no water"));
    }

    [Test]
    public void Self_test_asks_with_the_argument_that_it_was_given_and_wants_something_to_show()
    {
        Assert.That(new OperationTest(_device, "fill", 1).Run().Outcome, Is.EqualTo(SelfTestOutcome.Passed));
        Assert.That(new OperationTest(_device, "drain", 0).Run().Outcome, Is.EqualTo(SelfTestOutcome.Passed));
        Assert.That(_device.Asked, Is.EqualTo(new[] { "fill 1", "drain 0" }));

        _device.Answer = "";
        SelfTestResult empty = new OperationTest(_device, "drain", 0).Run();
        Assert.That((empty.Outcome, empty.Reason), Is.EqualTo((SelfTestOutcome.Failed, "the answer is empty")));
        _device.Failure = new Failure("leaks");
        SelfTestResult failed = new OperationTest(_device, "drain", 0).Run();
        Assert.That((failed.Outcome, failed.Reason), Is.EqualTo((SelfTestOutcome.Failed, "the device leaks")));
    }

    private sealed class Device() : OperableDevice("pump", "pump0")
    {
        public List<string> Asked { get; } = [];

        public Failure? Failure { get; set; }

        public string? Answer { get; set; }

        public override Failure? Run(string operation, int argument, ShellContext? shell, out string result)
        {
            Asked.Add($"{operation} {argument}");
            result = Answer ?? $"{operation} {argument} is done";
            return Failure;
        }
    }
}
