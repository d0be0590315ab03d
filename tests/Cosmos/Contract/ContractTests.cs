using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;
using NUnit.Framework;

namespace VirtioGuest.Cosmos.Tests.Contract;

/// <summary>The contract is what is listed, nothing of it is more than signatures, and all of it is used.</summary>
public sealed class ContractTests
{
    /// <summary>
    /// Names the folder that holds Cosmos' own assemblies, to compare them with the contract: the Kernel folder of a
    /// devkit, for example.
    /// </summary>
    private const string RealAssemblies = "VIRTIOGUEST_COSMOS_ASSEMBLIES";

    private static readonly string[] s_adapters =
        ["VirtioGuest.Cosmos", "VirtioGuest.Cosmos.Plugs", "VirtioGuest.Cosmos.Kernel"];

    private static string[] Listed => [.. File.ReadLines(Path.Combine(CosmosContract.Folder, "members.txt"))
        .Where(line => line.Length != 0 && !line.StartsWith('#'))];

    private static string[] Compiled => [.. CosmosContract.Assemblies
        .SelectMany(assembly => CosmosContract.Members(CosmosContract.Read(CosmosContract.Folder, assembly)))];

    [Test]
    public void The_list_has_the_members_of_the_contract() =>
        Assert.That(Listed.Order(StringComparer.Ordinal), Is.EqualTo(Compiled.Order(StringComparer.Ordinal)));

    [TestCaseSource(typeof(CosmosContract), nameof(CosmosContract.Assemblies))]
    public void No_method_of_the_contract_does_anything(string assembly)
    {
        IEnumerable<MethodDefinition> methods = CosmosContract.Read(CosmosContract.Folder, assembly)
            .MainModule.GetTypes().Where(type => !IsOfCompiler(type))
            .SelectMany(type => type.Methods).Where(method => method.HasBody);

        // "throw null", or the call of the base class's constructor that the language adds.
        string[] offences = [.. methods
            .Where(method => method.Body.Instructions.Any(each => !IsOfEmptyBody(each)))
            .Select(method => method.FullName)];

        Assert.That(offences, Is.Empty);
    }

    [TestCaseSource(typeof(CosmosContract), nameof(CosmosContract.Assemblies))]
    public void The_contract_lies_where_it_is_read_and_not_where_it_could_run(string assembly)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Path.Combine(CosmosContract.Folder, assembly + ".dll"), Does.Exist);
            Assert.That(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"), Does.Not.Exist);
        }
    }

    [Test]
    public void Every_member_of_the_contract_is_used_by_the_adapters()
    {
        AssemblyDefinition[] adapters =
            [.. s_adapters.Select(adapter => CosmosContract.Read(CosmosContract.Folder, adapter))];
        HashSet<string> uses =
            [.. adapters.SelectMany(CosmosContract.Uses), .. adapters.SelectMany(CosmosContract.Overrides)];
        uses.UnionWith(BasesOfUsed(uses));
        HashSet<string> attributes = [.. s_adapters.SelectMany(AttributeProperties)];
        List<string> unused = [];
        foreach (TypeDefinition type in CosmosContract.Assemblies
            .SelectMany(each => CosmosContract.Read(CosmosContract.Folder, each).MainModule.GetTypes()))
        {
            unused.AddRange(Unused(type, uses, attributes));
        }

        Assert.That(unused, Is.Empty);
    }

    [Test]
    public void The_adapters_reach_Cosmos_in_the_machine_and_the_classes_made_for_it_only() =>
        Assert.That(TypesThatUseCosmos("VirtioGuest.Cosmos"), Is.EquivalentTo(new[]
        {
            "Machine.CosmosPlatform", "Machine.CosmosPorts", "Machine.CosmosLine", "VirtioBlockDevice",
            "VirtioNetworkDevice", "VirtioDrivers",
        }));

    [Test]
    public void The_kernel_reaches_Cosmos_in_the_classes_made_for_it_only() =>
        Assert.That(TypesThatUseCosmos("VirtioGuest.Cosmos.Kernel"), Is.EquivalentTo(new[]
        {
            "Kernel", "Machine.CosmosSwitches", "Machine.CosmosHeap", "Files.VirtualFiles",
            "Terminal.CosmosScreen", "Terminal.CosmosKeyboard",
            "Network.CosmosStack", "Network.EchoClient", "Network.EchoPacket", "Files.VirtioFileSystems",
            "Files.FatFileStore", "Files.UndoDevice", "Files.VolumeTest",
        }));

    [Test]
    public void Every_method_that_stands_for_instructions_has_them_in_its_plug()
    {
        TypeDefinition methods = CosmosContract.Read(CosmosContract.Folder, "VirtioGuest.Cosmos").MainModule
            .GetType("VirtioGuest.Cosmos.Machine.ProcessorInterrupts");
        TypeDefinition plug = CosmosContract.Read(CosmosContract.Folder, "VirtioGuest.Cosmos.Plugs").MainModule
            .GetType("VirtioGuest.Cosmos.Plugs.ProcessorInterruptsPlug");

        IEnumerable<MethodDefinition> assembled = plug.Methods.Where(method => method.CustomAttributes.Any(
            attribute => attribute.Properties.Any(property => property.Name == "Assembler")));

        Assert.That(assembled.Select(WithoutType), Is.EquivalentTo(methods.Methods.Select(WithoutType)));

        static string WithoutType(MethodDefinition method) =>
            method.FullName.Replace(method.DeclaringType.FullName, "", StringComparison.Ordinal);
    }

    // A tick of the timer in Cosmos' own start-up would reset the machine otherwise, or be the last interrupt of all.
    [Test]
    public void The_kernel_has_a_table_and_a_list_of_interrupts_before_Cosmos_starts()
    {
        MethodDefinition constructor = Method("VirtioGuest.Cosmos.Kernel", "VirtioGuest.Cosmos.Kernel.Kernel", ".ctor");
        MethodDefinition preparation = Method(
            "VirtioGuest.Cosmos", "VirtioGuest.Cosmos.Machine.CosmosPlatform", "PrepareStart");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Called(constructor), Does.Contain("PrepareStart"));
            Assert.That(Called(preparation), Is.EqualTo(new[] { "LoadEarlyTable", "SetIrqHandler" }));
        }

        static MethodDefinition Method(string assembly, string type, string name) =>
            CosmosContract.Read(CosmosContract.Folder, assembly)
                .MainModule.GetType(type).Methods.Single(method => method.Name == name);

        static IEnumerable<string> Called(MethodDefinition method) => method.Body.Instructions
            .Select(each => each.Operand).OfType<MethodReference>().Select(called => called.Name);
    }

    [Test]
    public void Cosmos_has_every_member_of_the_contract()
    {
        string? folder = Environment.GetEnvironmentVariable(RealAssemblies);
        if (string.IsNullOrEmpty(folder))
        {
            Assert.Ignore($"{RealAssemblies} names no folder with Cosmos' own assemblies");
        }

        HashSet<string> real = [.. CosmosContract.Assemblies
            .SelectMany(assembly => CosmosContract.Members(CosmosContract.Read(folder, assembly)))];

        Assert.That(Listed.Where(line => !real.Contains(line)), Is.Empty);
    }

    private static bool IsOfEmptyBody(Instruction instruction) => instruction.OpCode.Code switch
    {
        Code.Ldnull or Code.Throw or Code.Ldarg_0 or Code.Ret or Code.Nop => true,
        Code.Call => instruction.Operand is MethodReference { Name: ".ctor" },
        _ => false,
    };

    private static IEnumerable<string> Unused(
        TypeDefinition type, HashSet<string> uses, HashSet<string> attributes)
    {
        if (IsOfCompiler(type))
        {
            yield break;
        }

        if (!uses.Contains(type.FullName))
        {
            yield return type.FullName;
        }

        foreach (MethodDefinition method in type.Methods)
        {
            bool isForced = method.IsAbstract || method.IsConstructor || method.IsRuntime
                || (method.IsVirtual && !method.IsNewSlot) || method.Name == "Invoke";
            bool isNamed = method.IsSetter && attributes.Contains($"{type.FullName}::{method.Name[4..]}");
            bool isHalfOfUsed = method.IsGetter && type.Properties.Any(property => property.GetMethod == method
                && property.SetMethod is not null
                && (uses.Contains(CosmosContract.Signature(property.SetMethod))
                    || attributes.Contains($"{type.FullName}::{property.Name}")));
            if (!isForced && !isNamed && !isHalfOfUsed && !uses.Contains(CosmosContract.Signature(method)))
            {
                yield return CosmosContract.Signature(method);
            }
        }

        foreach (FieldDefinition field in type.Fields.Where(field => !field.IsSpecialName && !field.HasConstant))
        {
            if (!uses.Contains(field.FullName))
            {
                yield return field.FullName;
            }
        }
    }

    /// <summary>The classes of the contract that a class which is used derives from.</summary>
    private static IEnumerable<string> BasesOfUsed(HashSet<string> uses) =>
        [.. CosmosContract.Assemblies
            .SelectMany(each => CosmosContract.Read(CosmosContract.Folder, each).MainModule.GetTypes())
            .Where(type => uses.Contains(type.FullName))
            .SelectMany(CosmosContract.Parents)
            .Select(type => type.FullName)];

    private static string[] TypesThatUseCosmos(string assembly) =>
        [.. CosmosContract.Read(CosmosContract.Folder, assembly).MainModule.GetTypes()
            .Where(type => type.Methods.Any(UsesCosmos))
            .Select(type => Outermost(type).FullName[(assembly.Length + 1)..])
            .Distinct()];

    private static IEnumerable<string> AttributeProperties(string assembly) =>
        from type in CosmosContract.Read(CosmosContract.Folder, assembly).MainModule.GetTypes()
        from place in new ICustomAttributeProvider[] { type }.Concat(type.Methods)
        from attribute in place.CustomAttributes
        from property in attribute.Properties
        select $"{attribute.AttributeType.FullName}::{property.Name}";

    private static bool UsesCosmos(MethodDefinition method) =>
        method.Parameters.Any(parameter => IsOfCosmos(parameter.ParameterType))
        || (method.HasBody && method.Body.Instructions.Any(instruction =>
            instruction.Operand is MemberReference member && IsOfCosmos(member)));

    private static bool IsOfCosmos(MemberReference member)
    {
        TypeReference type = member as TypeReference ?? member.DeclaringType;
        return type.GetElementType().Scope.Name is "Cosmos.Core" or "Cosmos.HAL2" or "Cosmos.System2";
    }

    /// <summary>Whether the compiler put a type there.</summary>
    private static bool IsOfCompiler(TypeDefinition type) => type.Name == "<Module>"
        || type.Namespace.StartsWith("System", StringComparison.Ordinal)
        || type.Namespace.StartsWith("Microsoft", StringComparison.Ordinal);

    private static TypeDefinition Outermost(TypeDefinition type) =>
        type.DeclaringType is null ? type : Outermost(type.DeclaringType);
}
